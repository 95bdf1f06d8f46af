import type { PaneletSession } from '../../session/panelet-session.js';
import type { CliWorld } from '../io/cli-world.js';
import { createPlainStatusLine, showConnection } from './connection-status.js';
import { endOrLeave } from './end-or-leave.js';
import { createProgramOutputs } from './program-outputs.js';
import { readOutput, type SessionOutcome } from './read-output.js';
import { silentAddressText } from '../access/silent-address.js';

/** How `runPipe` goes. */
export interface PipeRun {
  readonly session: PaneletSession;
  readonly world: CliWorld;
  /** Standard input goes in; or the session's input ends at once. */
  readonly input: 'pass' | 'end';
  /** What happens when the user interrupts, or nobody reads the output any more. */
  readonly onStop: 'detach' | 'terminate';
  /** Address of the agent, where it was given. */
  readonly address: string | undefined;
}

/** @returns the error that kept the input from being read to its end */
async function forward(session: PaneletSession, stdin: CliWorld['stdin']): Promise<Error | undefined> {
  let failure: Error | undefined;
  stdin.once('error', (error) => (failure = error));
  try {
    for await (const chunk of stdin) await session.write(chunk as Buffer);
    await session.end();
  } catch {
    // A session that is over says so where its output is read.
  }
  return failure;
}

/** A session between pipes: standard input goes in, output comes out, bytes as they are. */
export async function runPipe({ session, world, input, onStop, address }: PipeRun): Promise<SessionOutcome> {
  const { stdin, stderr } = world;
  let stopped = false;
  const stop = (): void => {
    if (stopped) return;
    stopped = true;
    void (onStop === 'terminate' ? endOrLeave(session) : session.detach());
  };
  const outputs = createProgramOutputs(world, stop);
  const line = createPlainStatusLine(stderr);
  const stopStatus = showConnection(session, { line, clock: world.clock, whenUnreachable: silentAddressText(address) });
  world.stop.addEventListener('abort', stop);
  const put = async (to: 'stdout' | 'stderr', bytes: Uint8Array): Promise<void> => {
    if (!stopped) await outputs.put(to, bytes);
  };
  let unread: Error | undefined;
  const pass = async (): Promise<void> => {
    unread = await forward(session, stdin);
    // An end of input would tell the program that this was all.
    if (unread !== undefined) stop();
  };
  if (input === 'pass') void pass();
  else session.end().catch(() => undefined);
  try {
    const outcome = await readOutput(session, {
      data: (item) => put(item.channel === 'stderr' ? 'stderr' : 'stdout', item.payload),
      snapshot: (item) => put('stdout', item.payload),
      lost: (item) => {
        stderr.write(`panelet: output is missing here (${item.loss.message})\n`);
        return Promise.resolve();
      },
    });
    if (unread === undefined) return await outputs.judge(outcome, onStop);
    const message = `Standard input could not be read to its end (${unread.message}), so the session was left.`;
    return { kind: 'failed', error: new Error(message, { cause: unread }) };
  } finally {
    world.stop.removeEventListener('abort', stop);
    outputs.stop();
    stopStatus();
    stdin.destroy();
  }
}
