import type { Clock, Timer } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import type { LocalProcess, Processes, ProcessSpec } from '../launcher/processes.js';

/** What a supervised program needs. */
export interface SupervisedProgramDeps {
  readonly name: string;
  readonly spec: ProcessSpec;
  readonly processes: Processes;
  readonly clock: Clock;
  readonly log: Log;
}

/** A program that is started again whenever it ends. */
export interface SupervisedProgram {
  start(): Promise<void>;
  /** SIGTERM, then SIGKILL after `graceMs`. */
  stop(graceMs: number): Promise<void>;
  /** Process id, while it runs. */
  pid(): number | undefined;
}

const firstDelayMs = 200;
const longestDelayMs = 5000;
// A program that ran this long is taken to be well.
const wellAfterMs = 10_000;

/** Keeps one program running, with a back-off when it ends soon after its start. */
export function createSupervisedProgram(deps: SupervisedProgramDeps): SupervisedProgram {
  const { clock, name, log } = deps;
  let running: LocalProcess | undefined;
  let timer: Timer | undefined;
  let delayMs = firstDelayMs;
  let stopped = false;

  const again = (): void => {
    if (stopped) return;
    timer = clock.after(delayMs, () => void start());
    delayMs = Math.min(longestDelayMs, delayMs * 2);
  };

  const start = async (): Promise<void> => {
    const startedAtMs = clock.nowMs();
    try {
      const process = await deps.processes.start(deps.spec);
      running = process;
      log.info({ program: name, pid: process.identity.pid }, 'Program started');
      void process.exited.then((exit) => {
        running = undefined;
        if (clock.nowMs() - startedAtMs >= wellAfterMs) delayMs = firstDelayMs;
        if (!stopped) log.warn({ program: name, exit, logFile: deps.spec.logFile }, 'Program ended, starting it again');
        again();
      });
    } catch (err) {
      log.error({ program: name, err }, 'Program not started');
      again();
    }
  };

  return {
    start,
    stop: async (graceMs) => {
      stopped = true;
      timer?.stop();
      const process = running;
      if (process === undefined) return;
      process.signal('SIGTERM');
      const kill = clock.after(graceMs, () => process.killGroup());
      await process.exited;
      kill.stop();
    },
    pid: () => running?.identity.pid,
  };
}
