import { type Clock, type Timer, timestamp } from '#common/time/clock.js';
import { createLatch } from '#common/time/latch.js';
import type { Log } from '#common/log.js';
import { isRestartForgotten, restartDelayMs, type RestartDelays } from './back-off.js';
import { pullProblem } from './image-pull.js';
import type { StoredContainerState, ContainerTermination } from './pod.js';
import type { ContainerView } from './pod-status.js';
import type { LocalProcess, ProcessExit, Processes, ProcessSpec } from './processes.js';
import type { ProcessIdentity } from './proc-fs.js';
import { messageOf } from '#common/errors/errors.js';

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
  return new ProcessContainerRunner(deps);
}

class ProcessContainerRunner implements ContainerRunner {
  readonly #deps: ContainerRunnerDeps;
  readonly #ended = createLatch();
  #state: StoredContainerState = { waiting: { reason: 'ContainerCreating' } };
  #last: ContainerTermination | undefined;
  #restartCount = 0;
  #restartsInRow = 0;
  /** Attempts to get the image that have failed. */
  #pulls = 0;
  #containerId: string | undefined;
  #running: LocalProcess | undefined;
  #startedAtMs = 0;
  #isReady = false;
  #ending = false;
  #starting = false;
  #over = false;
  #timer: Timer | undefined;
  #killTimer: Timer | undefined;
  #killAtMs = Infinity;
  #stopReadiness: () => void = () => undefined;

  constructor(deps: ContainerRunnerDeps) {
    this.#deps = deps;
  }

  begin({ record, wasReady, mayStart }: Parameters<ContainerRunner['begin']>[0]): void {
    const { name, processes, clock, log, restartPolicy } = this.#deps;
    this.#restartCount = record?.restartCount ?? 0;
    this.#containerId = record?.containerId;
    this.#last = record?.last;
    const found = record?.process === undefined ? undefined : processes.adopt(record.process);
    if (found !== undefined) {
      log.info({ container: name, pid: found.identity.pid }, 'Container adopted');
      this.#run(found, record?.startedAt ?? timestamp(clock.date()), wasReady);
      return;
    }
    if (record?.process !== undefined) this.#last = lostTermination(record, timestamp(clock.date()));
    if (!mayStart || (this.#last !== undefined && restartPolicy === 'Never')) this.#finish();
    // As after a reboot of the node: the same pod, its containers started once more, without a delay.
    else void this.#start(record === undefined ? 0 : this.#restartCount + 1);
  }

  end(graceMs: number): Promise<void> {
    const { clock, listener, name } = this.#deps;
    const running = this.#running;
    const firstTime = !this.#ending;
    this.#ending = true;
    const killAtMs = clock.nowMs() + graceMs;
    if (killAtMs < this.#killAtMs) {
      this.#killAtMs = killAtMs;
      if (running !== undefined && firstTime) listener.event('Normal', 'Killing', `Stopping container ${name}`);
      if (running !== undefined) this.#terminate(running);
    }
    if (this.#running === undefined && !this.#starting && !this.#over) this.#finish();
    return this.#ended.promise;
  }

  view(): ContainerView {
    return {
      name: this.#deps.name,
      image: this.#deps.image,
      state: this.#state,
      last: this.#last,
      restartCount: this.#restartCount,
      ready: this.#isReady,
      containerId: this.#containerId,
    };
  }

  record(): ContainerRecord {
    return {
      restartCount: this.#restartCount,
      last: this.#last,
      containerId: this.#containerId,
      process: this.#running?.identity,
      startedAt: this.#state.running?.startedAt,
    };
  }

  isOver(): boolean {
    return this.#over;
  }

  async #start(count: number): Promise<void> {
    const { name, image, processes, clock, log, listener } = this.#deps;
    const problem = pullProblem(image);
    if (problem !== undefined) {
      this.#failToPull(problem, count);
      return;
    }
    this.#restartCount = count;
    this.#starting = true;
    try {
      const process = await processes.start(this.#deps.spec(count));
      this.#containerId = `local://${this.#deps.newContainerId()}`;
      this.#starting = false;
      listener.event('Normal', 'Started', `Started container ${name}`);
      log.info({ container: name, pid: process.identity.pid, restartCount: this.#restartCount }, 'Container started');
      this.#run(process, timestamp(clock.date()), false);
    } catch (error) {
      this.#starting = false;
      this.#failToStart(error);
    }
  }

  /** Asks for the image again later; the container has not been started, so nothing has ended. */
  #failToPull(problem: string, count: number): void {
    const { image, clock, delays, listener } = this.#deps;
    const isFirst = this.#pulls === 0;
    const reason = isFirst ? 'ErrImagePull' : 'ImagePullBackOff';
    const message = isFirst ? problem : `Back-off pulling image "${image}": ErrImagePull: ${problem}`;
    this.#state = { waiting: { reason, message } };
    if (isFirst) listener.event('Warning', 'Failed', `Failed to pull image "${image}": ${problem}`);
    else listener.event('Normal', 'BackOff', `Back-off pulling image "${image}"`);
    listener.event('Warning', 'Failed', `Error: ${reason}`);
    this.#timer = clock.after(restartDelayMs(this.#pulls, delays), () => void this.#start(count));
    this.#pulls += 1;
    listener.changed();
  }

  #failToStart(error: unknown): void {
    const { name, clock, log, listener } = this.#deps;
    const message = messageOf(error);
    listener.event('Warning', 'Failed', `Error: ${message}`);
    log.warn({ container: name, err: error }, 'Container not started');
    const now = timestamp(clock.date());
    this.#afterEnd({ exitCode: 128, reason: 'StartError', message, startedAt: now, finishedAt: now }, 0);
  }

  #run(process: LocalProcess, startedAt: string, wasReady: boolean): void {
    const { clock, listener } = this.#deps;
    this.#running = process;
    this.#startedAtMs = clock.nowMs();
    this.#state = { running: { startedAt } };
    this.#isReady = wasReady;
    this.#stopReadiness = this.#deps.watchReadiness(wasReady, (ready) => {
      if (this.#running !== process || this.#isReady === ready) return;
      this.#isReady = ready;
      listener.changed();
    });
    void process.exited.then((exit) => this.#onExit(process, startedAt, exit));
    listener.changed();
    if (this.#ending) this.#terminate(process);
  }

  #onExit(process: LocalProcess, startedAt: string, exit: ProcessExit): void {
    const { name, clock, log } = this.#deps;
    this.#stopReadiness();
    this.#isReady = false;
    this.#running = undefined;
    // What the program left in its own group has lost its container; workers have groups of their own.
    process.killGroup();
    log.info({ container: name, pid: process.identity.pid, exit }, 'Container ended');
    const termination = terminationOf(exit, {
      startedAt,
      finishedAt: timestamp(clock.date()),
      ...(this.#containerId === undefined ? {} : { containerID: this.#containerId }),
    });
    this.#afterEnd(termination, clock.nowMs() - this.#startedAtMs);
  }

  #afterEnd(termination: ContainerTermination, ranMs: number): void {
    const { restartPolicy, delays } = this.#deps;
    this.#state = { terminated: termination };
    this.#last = termination;
    const again = restartPolicy === 'Always' || (restartPolicy === 'OnFailure' && termination.exitCode !== 0);
    if (this.#ending || !again) {
      this.#finish();
      return;
    }
    if (isRestartForgotten(ranMs, delays)) this.#restartsInRow = 0;
    this.#waitAndStart(restartDelayMs(this.#restartsInRow, delays));
  }

  #waitAndStart(delayMs: number): void {
    const { clock, listener, label } = this.#deps;
    if (this.#restartsInRow > 0) {
      const message = `back-off ${Math.round(delayMs / 1000)}s restarting failed container=${label}`;
      this.#state = { waiting: { reason: 'CrashLoopBackOff', message } };
      listener.event('Warning', 'BackOff', `Back-off restarting failed container ${label}`);
    }
    this.#restartsInRow += 1;
    this.#timer = clock.after(delayMs, () => void this.#start(this.#restartCount + 1));
    listener.changed();
  }

  #terminate(process: LocalProcess): void {
    const { clock } = this.#deps;
    process.signal('SIGTERM');
    this.#killTimer?.stop();
    this.#killTimer = clock.after(Math.max(0, this.#killAtMs - clock.nowMs()), () => process.killGroup());
  }

  #finish(): void {
    const { clock, listener } = this.#deps;
    this.#over = true;
    const lost = { restartCount: this.#restartCount };
    this.#state = { terminated: this.#last ?? lostTermination(lost, timestamp(clock.date())) };
    this.#timer?.stop();
    this.#killTimer?.stop();
    this.#ended.resolve();
    listener.changed();
  }
}

type TerminationTimes = Pick<ContainerTermination, 'startedAt' | 'finishedAt' | 'containerID'>;

function terminationOf(exit: ProcessExit, times: TerminationTimes): ContainerTermination {
  const reason = exit.code === 0 ? 'Completed' : 'Error';
  const unknown = { reason: 'ContainerStatusUnknown', message: 'It ended while the dev cluster was not its parent' };
  return {
    exitCode: exit.code,
    ...(exit.signal === 0 ? {} : { signal: exit.signal }),
    ...(exit.known ? { reason } : unknown),
    ...times,
  };
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
