import { spawn } from 'node:child_process';
import { Channel } from '#proto/session/v1/session.js';
import type { PanelContext, PanelDefinition, PanelSession } from '#worker/panel/panel.js';

/** Ways in which a panel session does not come to rest; anything else echoes. */
export type Stuckness = 'full-pipe' | 'parked-reader' | 'never-freezes' | 'throws-in-freeze' | 'parked-input' | 'none';

const never = new Promise<void>(() => undefined);

/** Holds a write to a pipe that nobody reads: a child that sleeps is at its other end. */
function blockOnFullPipe(context: PanelContext): () => Promise<void> {
  const child = spawn('sleep', ['600'], { stdio: ['pipe', 'ignore', 'ignore'] });
  child.stdin.on('error', () => undefined);
  const bytes = Buffer.alloc(1024 * 1024);
  const permit = context.gate.enter('pipe.write', bytes.length);
  child.stdin.write(bytes, () => permit?.release());
  return () =>
    new Promise((resolve) => {
      child.once('close', () => resolve());
      child.kill('SIGKILL');
    });
}

function createStuckSession(context: PanelContext, kind: Stuckness): PanelSession {
  let close = (): Promise<void> => Promise.resolve();
  if (kind === 'full-pipe') close = blockOnFullPipe(context);
  if (kind === 'parked-reader') context.gate.enter('pipe.read');
  return {
    input: (item) => {
      if (kind === 'parked-input') return never;
      if (item.kind === 'data') context.output.writeData(Channel.STDOUT, item.payload);
      return undefined;
    },
    freeze: () => {
      if (kind === 'throws-in-freeze') throw new Error('GIPCLocked');
      return kind === 'never-freezes' || kind === 'full-pipe' ? never : Promise.resolve();
    },
    thaw: () => undefined,
    checkpoint: () => Buffer.from(kind),
    close: () => (kind === 'never-freezes' ? never : close()),
    details: () => ({ kind }),
  };
}

/** The panel `stuck`: its parameter `kind` says how a session gets stuck. The seed bug of this project, planted. */
export function createStuckPanel(): PanelDefinition {
  return {
    name: 'stuck',
    version: '1',
    checkpointable: true,
    afterCrash: 'end',
    open: (context) =>
      Promise.resolve(createStuckSession(context, (context.parameters['kind'] ?? 'none') as Stuckness)),
    restore: (context, state) =>
      Promise.resolve(createStuckSession(context, Buffer.from(state).toString() as Stuckness)),
  };
}
