import { waitFor } from '#test/support/wait-for.js';
import { messageOf } from '#common/errors/errors.js';
import type { DemoSession } from '../row.js';
import { processBehind, processNow, watchTrouble, type SessionDeps } from './session-deps.js';
import { watchScreen } from './screen-watch.js';

const limitMs = 15_000;

/** A program that draws by itself until it is told to leave by the key q: top, or less. */
export interface ScreenProgram {
  readonly name: string;
  readonly path: string;
  readonly args: readonly string[];
}

/** A program that draws its screen through every restart, and still listens at the end. */
export async function openScreenSession(deps: SessionDeps, program: ScreenProgram): Promise<DemoSession> {
  const { client, node } = deps;
  const kind = program.name;
  const session = await client.open({
    panel: 'terminal',
    parameters: { command: program.path, args: JSON.stringify(program.args), 'env.HOME': deps.directory },
  });
  const failures = watchTrouble(session);
  const screen = watchScreen(session, failures);
  const before = await processBehind(client, session);
  return {
    kind,
    node,
    progress: () => `${screen.outputBytes} bytes drawn`,
    setRestarting: () => undefined,
    finish: async () => {
      const after = processNow(before.pid);
      try {
        await session.write('q');
        await waitFor(`${program.name} to leave at the key q`, () => screen.exitCode !== undefined, limitMs);
      } catch (error) {
        failures.push(messageOf(error));
      }
      const { gapsMs } = session.stats();
      await session.terminate();
      await screen.reading;
      return { kind, node, lost: 0, duplicated: 0, reordered: 0, gapsMs, process: { before, after }, failures };
    },
  };
}
