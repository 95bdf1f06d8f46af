// A shell that outlives its client: `node shell.js open FILE` starts one, `node shell.js go-on FILE` comes back to it, and ends it.
import { readFileSync, writeFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { createPaneletClient } from 'panelet';

const [what, file] = process.argv.slice(2);
const client = createPaneletClient({ resolve: () => process.env.PANELET_ADDRESS.split(',') });

if (what === 'open') {
  const session = await client.open({ panel: 'terminal', parameters: { command: 'sh', tty: 'false' } });
  await session.write(await text(process.stdin));
  // From now on it is there, whatever becomes of us.
  await session.flushed();
  await session.detach();
  // Whoever has this has the shell.
  writeFileSync(file, JSON.stringify(session.resumeState()), { mode: 0o600 });
} else {
  const session = await client.resume(JSON.parse(readFileSync(file, 'utf8')));
  try {
    await session.write(await text(process.stdin));
    await session.end();
    for await (const item of session) {
      if (item.kind === 'data') process.stdout.write(item.payload);
    }
  } finally {
    await session.terminate();
  }
}
await client.close();
