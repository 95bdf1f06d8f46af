import { resolve } from 'node:path';
import { createPaneletClient } from '#client/sdk.js';
import { messageOf } from '#common/errors/errors.js';
import { sleep, type Clock } from '#common/time/clock.js';
import { withDeadline } from '#common/time/deadline.js';
import { startTimeline, type Timeline } from '#test/chaos/timeline.js';
import { createAgentHome, type AgentHome } from '#test/support/agent/running-agent.js';
import { waitFor } from '#test/support/wait-for.js';
import { planHandover, type Plan, type PlanOptions } from './fault.js';
import { handOver } from './hand-over.js';
import { startMovedSessions, type MovedSessions, type SessionOutcome } from './moved-sessions.js';
import { processesBelow } from './processes-below.js';
import { createServingPods, type ServingPods } from './serving-pods.js';
import { whatIsLeft } from './what-is-left.js';
import { whatIsWrong, type HandoverRecord } from './what-is-wrong.js';

/** How handovers are run. */
export interface HandoversOptions extends PlanOptions {
  /** How often a worker is replaced. */
  readonly count: number;
  /** Number of the first one: what happens in one follows from seed and number. @default 1 */
  readonly first?: number;
  readonly sessions: number;
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

/** What came of a run. */
export interface HandoversReport {
  readonly handovers: readonly HandoverRecord[];
  readonly outcomes: readonly SessionOutcome[];
  /** Why it does not hold, in words; empty when it does. */
  readonly wrong: readonly string[];
}

const settleMs = 100;
// Far longer than a busy machine makes it: what takes longer hangs.
const stillMs = 60_000;
const handoverMs = 150_000;

interface Run {
  readonly options: HandoversOptions;
  readonly home: AgentHome;
  readonly pods: ServingPods;
  readonly timeline: Timeline;
  readonly sessions: MovedSessions;
}

/**
 * Replaces the worker of a node again and again by a newer one beside it, under load, through real agents, and judges every session.
 * @throws what hangs, with what the agents have said last
 */
export async function runHandovers(options: HandoversOptions): Promise<HandoversReport> {
  const { count, first = 1 } = options;
  // Found from the root of the repository, as this may be a bundle.
  const program = (name: string): string => resolve('dist', 'bin', `panelet-${name}.js`);
  const programs = { agent: program('agent'), worker: program('worker'), stub: program('stub-worker') };
  const home = createAgentHome(programs, {
    workerCommand: [process.execPath, programs.worker],
    panels: [{ name: 'echo' }],
    sessionsPerOwner: { default: 1_000 },
    gracePeriodSeconds: 30,
  });
  const pods = createServingPods(home);
  let run: Run | undefined;
  try {
    await startFirst(pods);
    options.onServing?.((await pods.network()).service);
    run = startRun(options, home, pods);
    const handovers: HandoverRecord[] = [];
    for (let index = first; index < first + count && options.signal?.aborted !== true; index += 1) {
      const done = await one(run, planHandover(index, options));
      handovers.push(done);
      options.onHandover?.(done);
    }
    const outcomes = await run.sessions.finish();
    const left = await endLast(run);
    return { handovers, outcomes, wrong: [...whatIsWrong(handovers, outcomes, options.sessions), ...left] };
  } finally {
    await run?.sessions.abandon();
    await pods.close();
    home.remove();
  }
}

async function startFirst(pods: ServingPods): Promise<void> {
  const pod = pods.create();
  await pod.start();
  await pod.serves();
  pods.serving = [pod];
}

function startRun(options: HandoversOptions, home: AgentHome, pods: ServingPods): Run {
  const { clock, sessions: count, seed, createClient = createPaneletClient } = options;
  const timeline = startTimeline(clock);
  const network = (): ReturnType<ServingPods['network']> => pods.network();
  return {
    options,
    home,
    pods,
    timeline,
    sessions: startMovedSessions({ network, agents: () => pods.serving, createClient, clock, timeline, count, seed }),
  };
}

async function one(run: Run, plan: Plan): Promise<HandoverRecord> {
  const { options, timeline, sessions } = run;
  const { index, way, fault } = plan;
  let now = 'every session gets something back';
  const step = (what: string): void => {
    now = what;
  };
  const name = `Handover ${index} (${way}, ${fault})`;
  const error = (): Error => new Error(`not over after ${handoverMs} ms`);
  try {
    return await withDeadline({ clock: options.clock, limitMs: handoverMs, error }, async () => {
      await sessions.full(stillMs);
      const fromMs = timeline.nowMs();
      const { counts, wrong } = await handOver({ ...run, clock: options.clock, step }, plan);
      step('one agent and one worker are left');
      await settled(run);
      await sleep(options.clock, settleMs);
      const { moved, checkpointed } = counts ?? {};
      return { index, way, fault, fromMs, toMs: timeline.nowMs(), moved, checkpointed, wrong };
    });
  } catch (cause) {
    throw new Error(`${name} waits until: ${now}. ${messageOf(cause)}\n${lastWords(run)}`, { cause });
  }
}

/** Resolves once the newest pod serves, and nothing runs but its agent and one worker. */
async function settled({ pods, home }: Run): Promise<void> {
  const [pod] = pods.serving;
  await pod?.serves();
  const isOne = (): boolean => pod?.workers().length === 1 && processesBelow(home.dir).length === 2;
  await waitFor('the end of all other processes', isOne, stillMs);
}

/** Ends the last pod. @returns what is left then */
async function endLast({ pods, home }: Run): Promise<readonly string[]> {
  const [pod] = pods.serving;
  pods.serving = [];
  const code = await pod?.terminate();
  pod?.close();
  const left = await whatIsLeft(home.dir);
  return [
    ...(code === 0 ? [] : [`the last agent ended with ${code}`]),
    ...left.map((what) => `left at the end: ${what}`),
  ];
}

const lastLines = 25;

/** For whoever looks for the cause: what is there, and what agents and workers wrote last. */
function lastWords({ home, pods }: Run): string {
  const running = processesBelow(home.dir).map(({ pid, words }) => `${pid} ${words.join(' ')}`);
  const logs = pods.serving.flatMap(({ uid, process: agent }) => [`agent of pod ${uid}:`, ...tail(agent.log())]);
  return [...running, ...logs, 'workers:', ...tail(home.workerLog('echo'))].join('\n');
}

function tail(text: string): readonly string[] {
  return text.trimEnd().split('\n').slice(-lastLines);
}
