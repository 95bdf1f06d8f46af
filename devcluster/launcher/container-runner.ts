import type { Clock, Timer } from '#common/time/clock.js';
import { createLatch } from '#common/time/latch.js';
import type { Log } from '#common/log.js';
import { isRestartForgotten, restartDelayMs, type RestartDelays } from './back-off.js';
import type { StoredContainerState, ContainerTermination } from './pod.js';
import type { ContainerView } from './pod-status.js';
import type { LocalProcess, ProcessExit, Processes, ProcessSpec } from './processes.js';
import type { ProcessIdentity } from './proc-fs.js';

/** What outlives this program: enough to find a container's process again. */
export interface ContainerRecord {
  readonly restartCount: number;
  readonly process?: ProcessIdentity | undefined;
  readonly containerId?: string | undefined;
  readonly startedAt?: string | undefined;
  readonly last?: ContainerTermination | undefined;
}

/** What a container runner tells its pod. */
export interface ContainerListener {
  /** Something that the status shows or the record holds has changed. */
  changed(): void;
  /** For `kubectl describe`. */
  event(type: 'Normal' | 'Warning', reason: string, message: string): void;
}

/** What a container runner needs. */
export interface ContainerRunnerDeps {
  readonly name: string;
  readonly image: string;
  readonly processes: Processes;
  readonly clock: Clock;
  readonly log: Log;
  readonly listener: ContainerListener;
  readonly restartPolicy: 'Always' | 'OnFailure' | 'Never';
  readonly delays: RestartDelays;
  /** Random part of a container id. */
  readonly newContainerId: () => string;
  /** What to run, for restart number `restartCount`. @throws PaneletError when the spec can't be run. */
  readonly spec: (restartCount: number) => ProcessSpec;
  /** Looks after readiness while the process runs; returns a function that stops it. */
  readonly watchReadiness: (wasReady: boolean, tell: (isReady: boolean) => void) => () => void;
  /** Text behind "restarting failed container=". */
  readonly label: string;
}

/** Runs one container: starts it, restarts it with back-off, ends it. */
export interface ContainerRunner {
  /** Goes on with the process of `record` if that still runs; else starts it, if `mayStart`. */
  begin(from: { record: ContainerRecord | undefined; wasReady: boolean; mayStart: boolean }): void;
  /** No more restarts; SIGTERM now, SIGKILL to the group after `graceMs`. Calling again may only shorten the grace. */
  end(graceMs: number): Promise<void>;
  view(): ContainerView;
  record(): ContainerRecord;
  /** True when it runs no more and will not be started again. */
  isOver(): boolean;
}

/** A container that has not been started. */
export function createContainerRunner(deps: ContainerRunnerDeps): ContainerRunner {
  const { clock, listener } = deps;
  let state: StoredContainerState = { waiting: { reason: 'ContainerCreating' } };
  let last: ContainerTermination | undefined;
  let restartCount = 0;
  let restartsInRow = 0;
  let containerId: string | undefined;
  let running: LocalProcess | undefined;
  let startedAtMs = 0;
  let isReady = false;
  let ending = false;
  let starting = false;
  let over = false;
  let timer: Timer | undefined;
  let killTimer: Timer | undefined;
  let killAtMs = Infinity;
  let stopReadiness: () => void = () => undefined;
  const ended = createLatch();

  const finish = (): void => {
    over = true;
    state = { terminated: last ?? lostTermination({ restartCount }, timestamp(clock)) };
    timer?.stop();
    killTimer?.stop();
    ended.resolve();
    listener.changed();
  };

  const waitAndStart = (delayMs: number): void => {
    const explain = `back-off ${Math.round(delayMs / 1000)}s restarting failed container=${deps.label}`;
    if (restartsInRow > 0) {
      state = { waiting: { reason: 'CrashLoopBackOff', message: explain } };
      listener.event('Warning', 'BackOff', `Back-off restarting failed container ${deps.label}`);
    }
    restartsInRow += 1;
    timer = clock.after(delayMs, () => void start(restartCount + 1));
    listener.changed();
  };

  const afterEnd = (termination: ContainerTermination, ranMs: number): void => {
    state = { terminated: termination };
    last = termination;
    const again =
      !ending &&
      (deps.restartPolicy === 'Always' || (deps.restartPolicy === 'OnFailure' && termination.exitCode !== 0));
    if (!again) {
      finish();
      return;
    }
    if (isRestartForgotten(ranMs, deps.delays)) restartsInRow = 0;
    waitAndStart(restartDelayMs(restartsInRow, deps.delays));
  };

  const onExit = (process: LocalProcess, startedAt: string, exit: ProcessExit): void => {
    stopReadiness();
    isReady = false;
    running = undefined;
    // What the program left in its own group has lost its container; workers have groups of their own.
    process.killGroup();
    deps.log.info({ container: deps.name, pid: process.identity.pid, exit }, 'Container ended');
    const reason = exit.code === 0 ? 'Completed' : 'Error';
    const unknown = { reason: 'ContainerStatusUnknown', message: 'It ended while the dev cluster was not its parent' };
    const termination: ContainerTermination = {
      exitCode: exit.code,
      ...(exit.signal === 0 ? {} : { signal: exit.signal }),
      ...(exit.known ? { reason } : unknown),
      startedAt,
      finishedAt: timestamp(clock),
      ...(containerId === undefined ? {} : { containerID: containerId }),
    };
    afterEnd(termination, clock.nowMs() - startedAtMs);
  };

  const run = (process: LocalProcess, startedAt: string, wasReady: boolean): void => {
    running = process;
    startedAtMs = clock.nowMs();
    state = { running: { startedAt } };
    isReady = wasReady;
    stopReadiness = deps.watchReadiness(wasReady, (ready) => {
      if (running !== process || isReady === ready) return;
      isReady = ready;
      listener.changed();
    });
    void process.exited.then((exit) => onExit(process, startedAt, exit));
    listener.changed();
    if (ending) terminate(process);
  };

  const failToStart = (error: unknown): void => {
    const message = error instanceof Error ? error.message : String(error);
    listener.event('Warning', 'Failed', `Error: ${message}`);
    deps.log.warn({ container: deps.name, err: error }, 'Container not started');
    const now = timestamp(clock);
    afterEnd({ exitCode: 128, reason: 'StartError', message, startedAt: now, finishedAt: now }, 0);
  };

  const start = async (count: number): Promise<void> => {
    restartCount = count;
    starting = true;
    try {
      const process = await deps.processes.start(deps.spec(count));
      containerId = `local://${deps.newContainerId()}`;
      starting = false;
      listener.event('Normal', 'Started', `Started container ${deps.name}`);
      deps.log.info({ container: deps.name, pid: process.identity.pid, restartCount }, 'Container started');
      run(process, timestamp(clock), false);
    } catch (error) {
      starting = false;
      failToStart(error);
    }
  };

  const terminate = (process: LocalProcess): void => {
    process.signal('SIGTERM');
    killTimer?.stop();
    killTimer = clock.after(Math.max(0, killAtMs - clock.nowMs()), () => process.killGroup());
  };

  return {
    begin: ({ record, wasReady, mayStart }) => {
      restartCount = record?.restartCount ?? 0;
      containerId = record?.containerId;
      last = record?.last;
      const found = record?.process === undefined ? undefined : deps.processes.adopt(record.process);
      if (found !== undefined) {
        deps.log.info({ container: deps.name, pid: found.identity.pid }, 'Container adopted');
        run(found, record?.startedAt ?? timestamp(clock), wasReady);
        return;
      }
      if (record?.process !== undefined) last = lostTermination(record, timestamp(clock));
      if (!mayStart || (last !== undefined && deps.restartPolicy === 'Never')) finish();
      // As after a reboot of the node: the same pod, its containers started once more, without a delay.
      else void start(record === undefined ? 0 : restartCount + 1);
    },
    end: (graceMs) => {
      const firstTime = !ending;
      ending = true;
      const killAt = clock.nowMs() + graceMs;
      if (killAt < killAtMs) {
        killAtMs = killAt;
        if (running !== undefined && firstTime) listener.event('Normal', 'Killing', `Stopping container ${deps.name}`);
        if (running !== undefined) terminate(running);
      }
      if (running === undefined && !starting && !over) finish();
      return ended.promise;
    },
    view: () => ({ name: deps.name, image: deps.image, state, last, restartCount, ready: isReady, containerId }),
    record: () => ({
      restartCount,
      last,
      containerId,
      process: running?.identity,
      startedAt: state.running?.startedAt,
    }),
    isOver: () => over,
  };
}

function timestamp(clock: Clock): string {
  return clock
    .date()
    .toISOString()
    .replace(/\.\d+Z$/, 'Z');
}

function lostTermination(record: ContainerRecord, now: string): ContainerTermination {
  return {
    exitCode: 137,
    reason: 'ContainerStatusUnknown',
    message: 'The container could not be located when the dev cluster came back',
    startedAt: record.startedAt ?? null,
    finishedAt: now,
  };
}
