import { type Clock, sleep } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import type { ProcessStat } from '#common/process/process-stat.js';
import type { SessionProcesses } from './session-processes.js';

/** How long processes get to obey, in milliseconds. */
export interface EndLimits {
  /** After SIGHUP. */
  readonly hangupMs: number;
  /** After SIGTERM. */
  readonly terminateMs: number;
  /** After SIGKILL, which only a process stuck in the kernel outlives. */
  readonly killMs: number;
}

/** What `endProcesses` needs. */
export interface EndProcessesDeps {
  /** Who is still there. */
  readonly remaining: () => readonly ProcessStat[];
  readonly table: Pick<SessionProcesses, 'signal'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: EndLimits;
}

const lookEveryMs = 10;

/**
 * Ends processes: SIGHUP (and SIGCONT, so that stopped ones hear it), then SIGTERM, then SIGKILL, each to everybody
 * who is left, looking again until nobody is.
 * @returns who outlived all of it; empty but for processes stuck in the kernel.
 */
export async function endProcesses(deps: EndProcessesDeps): Promise<readonly ProcessStat[]> {
  const { limits } = deps;
  const steps: readonly (readonly [readonly NodeJS.Signals[], number])[] = [
    [['SIGHUP', 'SIGCONT'], limits.hangupMs],
    [['SIGTERM', 'SIGCONT'], limits.terminateMs],
    [['SIGKILL'], limits.killMs],
  ];
  for (const [signals, limitMs] of steps) {
    if ((await signalAll(deps, signals, limitMs)) === 'gone') return [];
  }
  const left = deps.remaining();
  if (left.length > 0) deps.log.error({ pids: left.map((entry) => entry.pid) }, 'Processes outlived SIGKILL');
  return left;
}

async function signalAll(
  deps: EndProcessesDeps,
  signals: readonly NodeJS.Signals[],
  limitMs: number,
): Promise<'gone' | 'left'> {
  const deadlineMs = deps.clock.nowMs() + limitMs;
  const told = new Set<number>();
  for (;;) {
    const left = deps.remaining();
    if (left.length === 0) return 'gone';
    // A process may have been forked since the last look.
    for (const { pid } of left.filter((entry) => !told.has(entry.pid))) {
      told.add(pid);
      for (const signal of signals) deps.table.signal(pid, signal);
    }
    if (deps.clock.nowMs() >= deadlineMs) return 'left';
    await sleep(deps.clock, lookEveryMs);
  }
}
