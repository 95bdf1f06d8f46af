import { rm } from 'node:fs/promises';
import { messageOf } from '#common/errors/errors.js';
import { createBackoff, type Backoff } from '#common/time/backoff.js';
import { sleep } from '#common/time/clock.js';
import { withDeadline } from '#common/time/deadline.js';
import { createLatch } from '#common/time/latch.js';
import type { Random } from '#common/random.js';
import { adoptWorker, type AdoptionDeps } from './adoption.js';
import type { Launcher, WorkerProcess } from './launcher.js';
import { endProcess, waitForExit, type ProcessId } from './process-table.js';
import { hashCommand } from './worker-command.js';
import { removeWorkerRecord, writeWorkerRecord } from './worker-record.js';

/** What a supervisor needs. */
export interface SupervisorDeps extends AdoptionDeps {
  readonly random: Random;
  readonly launch: Launcher;
  readonly argv: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly logFile: string;
  /** True while a worker may be started: not while its gate is cordoned. */
  readonly mayStart: () => boolean;
  /**
   * Whether a process is to be started where none lives; `hasRun` says that one was started or adopted before. Undefined while that
   * is not known.
   */
  readonly isWanted: (hasRun: boolean) => boolean | undefined;
  /** No process lives, and none is wanted: nothing is supervised any more. */
  readonly onGone: () => void;
  /** Time for a new worker to answer before it counts as failed. */
  readonly startMs: number;
}

/** What is known about the process of a panel. */
export interface SupervisorStatus {
  /** The process, while there is one. */
  readonly process: ProcessId | undefined;
  /** What a person should know; empty when all is well. */
  readonly message: string;
  /** True when the command has changed since the process was started. */
  readonly restartRequired: boolean;
}

/** Keeps one worker process running for a panel: adopts or starts it, and starts it again with backoff. */
export interface Supervisor {
  /** Resolves once it is clear whether a worker lives from before; never rejects. */
  readonly adopted: Promise<void>;
  status(): SupervisorStatus;
  /** Compares the running process with the command that would be started now. */
  compare(argv: readonly string[]): Promise<void>;
  /** Ends the process for good, and its record and socket. */
  stop(termMs: number): Promise<'ended' | 'killed' | 'none'>;
  /** Waits at most `limitMs` for a process that was told to end, and does not start another. */
  retire(limitMs: number): Promise<boolean>;
  /** Stops supervising and leaves the process alone: another agent adopts it. */
  release(): void;
}

// A worker that lived this long was not part of a crash loop.
const steadyMs = 30_000;
const crashLoopCount = 3;
const hashMs = 2_000;

/** A supervisor that begins at once. */
export function createSupervisor(deps: SupervisorDeps): Supervisor {
  const state = {
    process: undefined as WorkerProcess | undefined,
    commandHash: undefined as string | undefined,
    instance: '',
    message: '',
    crashes: 0,
    hasRun: false,
    restartRequired: false,
  };
  const adopted = createLatch();
  const ending = new AbortController();
  const show = (message: string): void => {
    state.message = message;
    deps.changes.notify();
  };
  const compare = async (argv: readonly string[]): Promise<void> => {
    const now = await readHash(deps, argv);
    state.restartRequired = state.commandHash !== undefined && now !== undefined && now !== state.commandHash;
    deps.changes.notify();
  };
  const finished = supervise({ deps, state, show, compare, signal: ending.signal, adopted: () => adopted.resolve() });
  const settle = async (): Promise<void> => {
    ending.abort(new Error('stopped'));
    await finished;
  };
  return {
    adopted: adopted.promise,
    status: () => ({ process: state.process?.id, message: state.message, restartRequired: state.restartRequired }),
    compare,
    stop: async (termMs) => {
      await settle();
      const how =
        state.process === undefined ? 'none' : await endProcess(deps.table, state.process.id, { ...deps, termMs });
      state.process = undefined;
      await forgetWorker(deps);
      show('Stopped.');
      return how;
    },
    retire: async (limitMs) => {
      await settle();
      const gone = state.process === undefined || (await exitsWithin(deps, state.process.id, limitMs));
      if (gone) await forgetWorker(deps);
      return gone;
    },
    release: () => ending.abort(new Error('released')),
  };
}

async function exitsWithin(deps: SupervisorDeps, id: ProcessId, limitMs: number): Promise<boolean> {
  const { clock, table } = deps;
  try {
    await withDeadline({ clock, limitMs }, (signal) => waitForExit(table, id, clock, signal));
    return true;
  } catch {
    return false;
  }
}

interface Supervision {
  readonly deps: SupervisorDeps;
  readonly state: {
    process: WorkerProcess | undefined;
    commandHash: string | undefined;
    instance: string;
    message: string;
    crashes: number;
    hasRun: boolean;
  };
  readonly show: (message: string) => void;
  readonly compare: (argv: readonly string[]) => Promise<void>;
  readonly signal: AbortSignal;
  readonly adopted: () => void;
}

async function supervise(supervision: Supervision): Promise<void> {
  const { deps, state, signal } = supervision;
  const backoff = createBackoff(deps.random, { initialMs: 200, maxMs: 10_000 });
  try {
    await takeOver(supervision);
    supervision.adopted();
    for (;;) {
      if (state.process === undefined) {
        if (!(await isWanted(supervision))) {
          deps.onGone();
          return;
        }
        await startWorker(supervision);
      }
      state.hasRun = true;
      const sinceMs = deps.clock.nowMs();
      const how = await untilGone(supervision);
      if (deps.clock.nowMs() - sinceMs > steadyMs) {
        state.crashes = 0;
        backoff.reset();
      }
      state.crashes++;
      await pauseAfter(how, supervision, backoff);
    }
  } catch (error) {
    if (!signal.aborted) deps.log.error({ err: error }, 'Supervision failed');
  } finally {
    supervision.adopted();
  }
}

async function pauseAfter(how: string, { deps, state, show, signal }: Supervision, backoff: Backoff): Promise<void> {
  const { crashes } = state;
  const { logFile } = deps;
  if (deps.isWanted(true) === false) {
    deps.log.info({ how, logFile }, 'Worker ended by itself, and is not started again');
    show(`The worker ended: ${how}; see ${logFile}`);
    return;
  }
  const delayMs = backoff.nextMs();
  deps.log.warn({ how, crashes, delayMs, logFile }, 'Worker ended by itself');
  show(crashMessage(how, crashes, logFile));
  await sleep(deps.clock, delayMs, signal);
}

function isWanted({ deps, state, signal }: Supervision): Promise<boolean> {
  return deps.changes.until(() => deps.isWanted(state.hasRun), signal);
}

function crashMessage(how: string, crashes: number, logFile: string): string {
  const times = crashes >= crashLoopCount ? `crash loop, ${crashes} times in a row` : 'it is started again';
  return `The worker ended: ${how} (${times}); see ${logFile}`;
}

async function takeOver({ deps, state, compare }: Supervision): Promise<void> {
  const found = await adoptWorker(deps);
  if (found === undefined) return;
  const { id } = found;
  state.commandHash = found.commandHash;
  state.process = { id, exited: waitForExit(deps.table, id, deps.clock).then(() => 'gone') };
  await compare(deps.argv);
}

// Resolves once a process runs; one that cannot be started counts as gone at once.
async function startWorker({ deps, state, show, signal }: Supervision): Promise<void> {
  if (!deps.mayStart()) show('Not started while the gate is cordoned.');
  await deps.changes.until(() => deps.mayStart() || undefined, signal);
  await rm(deps.socketPath, { force: true });
  const commandHash = await readHash(deps, deps.argv);
  signal.throwIfAborted();
  try {
    // The next agent looks for it, should this one end before it knows the process.
    await writeRecord(deps, { pid: 1, startTime: 'starting' }, { instance: '', commandHash: '' });
    const started = await deps.launch(deps);
    state.process = started;
    state.commandHash = commandHash;
    await writeRecord(deps, started.id, { instance: '', commandHash });
    deps.log.info({ pid: started.id.pid }, 'Worker started');
    show(state.crashes >= crashLoopCount ? state.message : '');
  } catch (error) {
    const message = messageOf(error);
    state.process = { id: { pid: 0, startTime: 'gone' }, exited: Promise.resolve(message) };
  }
  deps.link.kick();
}

// Resolves with what is known about the end of the process; one that never answers is ended.
async function untilGone(supervision: Supervision): Promise<string> {
  const { deps, state, show, signal } = supervision;
  const running = state.process;
  if (running === undefined) return 'not started';
  const gone = new AbortController();
  const aborted = createLatch<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  // Why it is ended here, which says more than the signal.
  let why: string | undefined;
  const silent = waitForUp(supervision, gone.signal).then(async (instance) => {
    if (instance === undefined) {
      why = `it did not answer within ${deps.startMs / 1000} s`;
      await endProcess(deps.table, running.id, deps);
      return why;
    }
    state.instance = instance;
    await writeRecord(deps, running.id, state);
    show('');
    return running.exited;
  });
  silent.catch(() => undefined);
  try {
    const how = await Promise.race([running.exited, silent, aborted.promise]);
    state.process = undefined;
    for (const orphan of deps.table.leftBehind(running.id)) deps.table.signal(orphan, 'SIGKILL');
    await forgetWorker(deps);
    return why ?? how;
  } finally {
    gone.abort(new Error('gone'));
    signal.removeEventListener('abort', abort);
  }
}

// The worker's instance; undefined when it does not answer in time. The instance of the one before does not count.
async function waitForUp({ deps, state }: Supervision, signal: AbortSignal): Promise<string | undefined> {
  const look = (): string | undefined => {
    const link = deps.link.state();
    return link.kind === 'up' && link.about.instance !== state.instance ? link.about.instance : undefined;
  };
  try {
    const bounds = { clock: deps.clock, limitMs: deps.startMs, signals: [signal] };
    return await withDeadline(bounds, (either) => deps.changes.until(look, either));
  } catch (error) {
    if (signal.aborted) throw error;
    return undefined;
  }
}

// Unknown when the disk does not answer.
async function readHash({ clock }: SupervisorDeps, argv: readonly string[]): Promise<string | undefined> {
  try {
    return await withDeadline({ clock, limitMs: hashMs }, () => hashCommand(argv));
  } catch {
    return undefined;
  }
}

interface RecordedWorker {
  readonly instance: string;
  readonly commandHash: string | undefined;
}

async function writeRecord(deps: SupervisorDeps, id: ProcessId, recorded: RecordedWorker): Promise<void> {
  const { instance, commandHash = '' } = recorded;
  await writeWorkerRecord(deps.recordFile, { panel: deps.panel, ...id, instance, commandHash });
}

async function forgetWorker(deps: SupervisorDeps): Promise<void> {
  await removeWorkerRecord(deps.recordFile);
  await rm(deps.socketPath, { force: true });
}
