// Runs a program on a node as if it ran here: node run.js sh -c 'cat; exit 3'
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createPaneletClient, isPaneletError } from 'panelet';

const [command, ...args] = process.argv.slice(2);
const client = createPaneletClient({ resolve: () => process.env.PANELET_ADDRESS.split(',') });
try {
  const parameters = { command, args: JSON.stringify(args), tty: 'false' };
  const session = await client.open({ panel: 'terminal', parameters });
  process.once('SIGINT', () => session.signal('SIGINT'));
  // It fails when the program ends before its input.
  Readable.toWeb(process.stdin)
    .pipeTo(session.writable)
    .catch(() => undefined);
  await Promise.all([
    pipeline(session.stdout, process.stdout, { end: false }),
    pipeline(session.stderr, process.stderr, { end: false }),
  ]);
  const { code, signal } = (await session.exit) ?? { code: 1 };
  process.exitCode = signal === undefined ? code : 1;
} catch (error) {
  if (!isPaneletError(error)) throw error;
  console.error(`${error.code}: ${error.problem} ${error.advice ?? ''}`);
  process.exitCode = error.code === 'PROGRAM_UNKNOWN' ? 127 : 1;
} finally {
  await client.close();
  process.stdin.destroy();
}
