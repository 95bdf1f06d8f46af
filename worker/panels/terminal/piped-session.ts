import { Channel } from '#proto/session/v1/session.js';
import type { InputItem } from '#session/endpoint/endpoint.js';
import type { PanelContext, PanelSession } from '../../panel/panel.js';
import { endProcesses } from './end-processes.js';
import { createFamily } from './family.js';
import { openPipes } from './pipes.js';
import { createSessionProcesses } from '../../processes/session-processes.js';
import { exitStatus } from './program-exit.js';
import { programDetails, startOf, type ProgramSetup } from './program-setup.js';
import { createStdinWriter } from './stdin-writer.js';

/**
 * A program on three pipes: bytes as they are, standard output and errors apart, an end of input, an exit status. Its
 * output is over when it has ended and nobody else holds its pipes, as with ssh.
 */
export async function createPipedSession(context: PanelContext, setup: ProgramSetup): Promise<PanelSession> {
  const { program, account, endLimits } = setup;
  const { output, gate, clock, log } = context;
  const table = createSessionProcesses();
  let still = false;
  let closing: Promise<void> | undefined;

  const pipes = await openPipes(
    startOf(setup),
    {
      onData: (from, bytes) => {
        if (closing) return;
        const channel = from === 'stdout' ? Channel.STDOUT : Channel.STDERR;
        if (!output.writeData(channel, bytes)) pipes.pause();
      },
      onEnd: (exit) => {
        log.info({ pid: pipes.pid, exit }, 'program has ended');
        if (closing) return;
        output.writeEvent(exitStatus(exit));
        output.end();
      },
    },
    { clock },
  );
  const family = createFamily(pipes, table);
  const stdin = createStdinWriter({ pipes, gate });
  const flow = (): void => {
    if (still || !output.canWrite()) pipes.pause();
    else pipes.resume();
  };
  output.onWritable(flow);
  // Not before the caller has the session.
  setImmediate(flow);
  log.info({ pid: pipes.pid, command: program.file }, 'program has started on pipes');

  const end = async (): Promise<void> => {
    // Read on, to nowhere: a program that is blocked on its output could not obey.
    pipes.resume();
    try {
      await endProcesses({ remaining: () => family.members(), table, clock, log, limits: endLimits });
    } finally {
      // Whatever went wrong: else the pipes would stay open, and what its owner leaves behind would never be ended.
      await pipes.close();
      await account?.leave();
    }
  };
  return {
    input: (item: InputItem) => {
      if (closing) return undefined;
      if (item.kind === 'data') return stdin.write(item.payload);
      if (item.kind === 'fin') pipes.endInput();
      else if (item.event.kind?.$case === 'signal') family.signalForeground(item.event.kind.value.name);
      return undefined;
    },
    freeze: () => {
      still = true;
      pipes.pause();
      return stdin.idle();
    },
    thaw: () => {
      still = false;
      flow();
    },
    close: () => (closing ??= end()),
    details: () => programDetails(program, pipes.pid, family),
  };
}
