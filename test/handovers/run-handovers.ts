import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createPaneletClient } from '#client/sdk.js';
import { createSeededRandom, type Random } from '#common/random.js';
import { sleep, type Clock } from '#common/time/clock.js';
import { withDeadline } from '#common/time/deadline.js';
import { startTimeline, type Timeline } from '#test/chaos/timeline.js';
import { command, receiptOfDrain, startDrain } from '#test/support/gate-calls.js';
import { temporaryDirectory } from '#test/support/running-worker.js';
import { startWorkerFront, type WorkerFront } from '#test/support/worker-front.js';
import { spawnWorker, type WorkerProcess } from '#test/support/worker-process.js';
import { startMovedSessions, type SessionOutcome } from './moved-sessions.js';

/** What is broken in a handover. */
export const faults = ['none', 'old killed', 'new killed', 'both killed', 'clients cut'] as const;
/** One of them. */
export type Fault = (typeof faults)[number];

/** How handovers are run. */
export interface HandoversOptions {
  /** How often a worker is replaced. */
  readonly count: number;
  readonly sessions: number;
  /** Decides bytes, faults and their moments. */
  readonly seed: number;
  /** Share of the handovers in which something is broken, from 0 to 1. */
  readonly faultShare: number;
  readonly clock: Clock;
  /** Of another release. @default this one's */
  readonly createClient?: typeof createPaneletClient | undefined;
  /** Told where clients of any kind may come, too: sessions of panel echo, without TLS. */
  readonly onServing?: (address: string) => void;
  /** Told after each. */
  readonly onHandover?: (done: HandoverRecord) => void;
  /** Ends the run early. */
  readonly signal?: AbortSignal;
}

/** One replacement of a worker. */
export interface HandoverRecord {
  readonly index: number;
  readonly fault: Fault;
  /** From the drain to the end of the old process, in milliseconds of the run. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Of its receipt; undefined when the old one was killed. */
  readonly moved: number | undefined;
  readonly checkpointed: number | undefined;
}

/** What came of a run. */
export interface HandoversReport {
  readonly handovers: readonly HandoverRecord[];
  readonly outcomes: readonly SessionOutcome[];
  /** Why it does not hold, in words; empty when it does. */
  readonly wrong: readonly string[];
}

// A drain of a few sessions takes a tenth of a second, a few tenths on a busy machine.
const faultWithinMs = 150;
const settleMs = 100;
const shortNoticeMs = 500;
const longNoticeMs = 10_000;
// Far longer than a busy machine makes it: what takes longer hangs.
const stillMs = 60_000;
const handoverMs = 90_000;

interface Run {
  readonly options: HandoversOptions;
  readonly dir: string;
  readonly random: Random;
  readonly timeline: Timeline;
  readonly front: WorkerFront;
  readonly workers: WorkerProcess[];
}

/** Replaces a worker again and again by a newer one beside it, under load, and judges every session. */
export async function runHandovers(options: HandoversOptions): Promise<HandoversReport> {
  const { clock, seed, count } = options;
  const dir = await temporaryDirectory();
  const front = await startWorkerFront({ dir });
  const client = (options.createClient ?? createPaneletClient)({ address: front.address });
  const timeline = startTimeline(clock);
  const workers: WorkerProcess[] = [];
  const handovers: HandoverRecord[] = [];
  try {
    let old = startNext(dir, workers);
    await old.ready;
    front.lead([old.socket]);
    options.onServing?.(front.address);
    const sessions = startMovedSessions({ client, count: options.sessions, seed, clock, timeline });
    const run: Run = { options, dir, random: createSeededRandom(seed), timeline, front, workers };
    for (let index = 1; index <= count && options.signal?.aborted !== true; index += 1) {
      await sessions.full(stillMs);
      const done = await bounded(clock, index, handOver(run, index, old));
      ({ next: old } = done);
      handovers.push(done.record);
      options.onHandover?.(done.record);
    }
    const outcomes = await sessions.finish();
    return { handovers, outcomes, wrong: whatIsWrong(handovers, outcomes, options) };
  } finally {
    await Promise.all(workers.map((worker) => worker.end()));
    await client.close();
    await front.close();
    await rm(dir, { recursive: true, force: true });
  }
}

function bounded<T>(clock: Clock, index: number, work: Promise<T>): Promise<T> {
  const error = (): Error => new Error(`Handover ${index} is not over after ${handoverMs} ms.`);
  return withDeadline({ clock, limitMs: handoverMs, error }, () => work);
}

function startNext(dir: string, workers: WorkerProcess[]): WorkerProcess {
  const socket = join(dir, 'run', `${workers.length}.sock`);
  const made = spawnWorker({ dir, socket, args: ['--beside', '--log-level', 'warn'] });
  workers.push(made);
  return made;
}

function drawFault({ random, options }: Run): Fault {
  if (random.number() >= options.faultShare) return 'none';
  return faults[1 + Math.floor(random.number() * (faults.length - 1))] ?? 'none';
}

async function handOver(
  run: Run,
  index: number,
  old: WorkerProcess,
): Promise<{ readonly next: WorkerProcess; readonly record: HandoverRecord }> {
  const { front, random, timeline, options } = run;
  const fault = drawFault(run);
  const delayMs = random.number() * faultWithinMs;
  const young = startNext(run.dir, run.workers);
  await young.ready;
  front.lead([young.socket, old.socket]);
  const fromMs = timeline.nowMs();
  // Where nobody is left to give to, the notice is waited for.
  const noticeMs = fault === 'new killed' ? shortNoticeMs : longNoticeMs;
  const drain = startDrain(old.gate, { command: command(`handover-${index}`), noticeMs, timeoutMs: 40_000 });
  const receipt = receiptOfDrain(drain).then(
    ({ counts }) => counts,
    () => undefined,
  );
  if (fault !== 'none') await sleep(options.clock, delayMs);
  if (fault === 'clients cut') front.cut();
  if (fault === 'old killed' || fault === 'both killed') old.child.kill('SIGKILL');
  if (fault === 'new killed' || fault === 'both killed') young.child.kill('SIGKILL');
  const counts = await receipt;
  const next = fault === 'new killed' || fault === 'both killed' ? await replaced(run, old, young) : young;
  if (fault === 'none' || fault === 'clients cut' || fault === 'new killed') {
    old.child.kill('SIGTERM');
    await old.exited;
  }
  await old.end();
  front.lead([next.socket]);
  await sleep(options.clock, settleMs);
  const { moved, checkpointed } = counts ?? {};
  return { next, record: { index, fault, fromMs, toMs: timeline.nowMs(), moved, checkpointed } };
}

/** Another worker in the place of one that was killed. */
async function replaced(run: Run, old: WorkerProcess, dead: WorkerProcess): Promise<WorkerProcess> {
  await dead.end();
  const next = startNext(run.dir, run.workers);
  await next.ready;
  run.front.lead([next.socket, old.socket]);
  return next;
}

function whatIsWrong(
  handovers: readonly HandoverRecord[],
  outcomes: readonly SessionOutcome[],
  { sessions }: HandoversOptions,
): string[] {
  const wrong: string[] = [];
  const kills = handovers.filter(({ fault }) => fault.endsWith('killed'));
  // Whoever comes back hears of a kill after it, at the latest in the handover that follows.
  const mayBeTold = (toldMs: number): boolean =>
    kills.some(({ index, fromMs, toMs }) => {
      const following = handovers.find((other) => other.index === index + 1);
      return toldMs >= fromMs && toldMs <= (following?.toMs ?? Math.max(toMs, toldMs));
    });
  for (const { outcome, evidence, toldMs } of outcomes) {
    if (outcome === 'broken') wrong.push(`a session is broken: ${evidence}`);
    if (outcome === 'told' && (toldMs === undefined || !mayBeTold(toldMs))) {
      wrong.push(`a session lost something at ${Math.round(toldMs ?? 0)} ms, and nobody was killed: ${evidence}`);
    }
  }
  for (const { index, fault, moved = 0, checkpointed = 0 } of handovers) {
    if (fault !== 'none' && fault !== 'clients cut') continue;
    if (moved + checkpointed === sessions) continue;
    wrong.push(`handover ${index}: ${moved} sessions moved and ${checkpointed} were written down, of ${sessions}`);
  }
  return wrong;
}
