import { messageOf } from '#common/errors/errors.js';
import { sleep, type Clock } from '#common/time/clock.js';
import { msToDuration } from '#common/time/duration.js';
import { createLatch } from '#common/time/latch.js';
import { ReloadStep } from '#proto/agent/v1/agent.js';
import { OnTimeout, Target, type DrainRequest, type SessionCounts } from '#proto/gate/v1/gate.js';
import type { Fault, Plan } from './fault.js';
import type { MovedSessions } from './moved-sessions.js';
import type { PodAgent } from './pod-agent.js';
import { killAll, type BelowProcess } from './processes-below.js';
import type { ServingPods } from './serving-pods.js';

/** What handovers are made on. */
export interface HandOverDeps {
  readonly pods: ServingPods;
  readonly sessions: Pick<MovedSessions, 'cut' | 'kill'>;
  readonly clock: Clock;
  /** Told what is waited for now. */
  readonly step: (what: string) => void;
}

/** What came of one. */
export interface HandedOver {
  /** Of the older worker's receipt; undefined where there is none. */
  readonly counts: SessionCounts | undefined;
  /** What must not be, unless a process was killed. */
  readonly wrong: readonly string[];
}

// Most of what follows the order to drain or to end is over by then.
const faultWithinMs = 600;
// With nobody left to give to, a notice is waited for.
const shortNoticeMs = 1_500;
const longNoticeMs = 10_000;
const timeoutMs = 40_000;

/** Replaces the worker of a node as planned, breaks something meanwhile, and starts again what a kubelet would. */
export function handOver(deps: HandOverDeps, plan: Plan): Promise<HandedOver> {
  const [pod] = deps.pods.serving;
  if (pod === undefined) throw new Error('No pod serves.');
  return plan.way === 'reload' ? reload(deps, plan, pod) : replaceAgent(deps, plan, pod);
}

async function replaceAgent(deps: HandOverDeps, plan: Plan, older: PodAgent): Promise<HandedOver> {
  const { pods, step } = deps;
  const { fault } = plan;
  const newer = pods.create();
  step('the newer agent and its worker serve');
  await newer.start();
  await newer.serves();
  pods.serving = [newer, older];
  const leaving = leave(plan, older);
  await strike(deps, plan, { older, newer, olderWorkers: older.workers() });
  if (fault === 'newer agent killed' || fault === 'newer pod killed') {
    step('the newer agent serves again');
    await newer.start();
  }
  step('the older agent ends');
  const { counts, code } = await leaving;
  if (fault === 'older agent killed') {
    step('the older agent, which was killed, serves and ends');
    await older.start();
    await older.terminate();
  }
  pods.serving = [newer];
  older.close();
  const mayForce = fault !== 'none' && !fault.startsWith('client');
  return { counts, wrong: mayForce || code === 0 ? [] : [`the older agent ended with ${code}`] };
}

interface Left {
  readonly counts: SessionCounts | undefined;
  readonly code: number | string;
}

async function leave(plan: Plan, older: PodAgent): Promise<Left> {
  const counts = plan.way === 'agent drained' ? await drain(plan, older).catch(() => undefined) : undefined;
  return { counts, code: await older.terminate() };
}

async function drain({ index, fault }: Plan, { gate }: PodAgent): Promise<SessionCounts | undefined> {
  const request: DrainRequest = {
    command: { restartUid: `handover-${index}`, fencing: index, generation: 1 },
    target: Target.AGENT,
    notice: msToDuration(fault.startsWith('newer') ? shortNoticeMs : longNoticeMs),
    timeout: msToDuration(timeoutMs),
    onTimeout: OnTimeout.FORCE,
    reason: 'a new version',
    lease: msToDuration(timeoutMs),
  };
  let counts: SessionCounts | undefined;
  for await (const { receipt } of gate.drain(request)) counts = receipt?.counts ?? counts;
  return counts;
}

async function reload(deps: HandOverDeps, plan: Plan, pod: PodAgent): Promise<HandedOver> {
  const olderWorkers = pod.workers();
  const serves = createLatch();
  const reloading = replaceWorkers(pod, () => serves.resolve()).finally(() => serves.resolve());
  deps.step('the newer worker serves');
  // As often while it starts as afterwards.
  if (plan.random.number() < 0.5) await serves.promise;
  await strike(deps, plan, { older: pod, newer: pod, olderWorkers });
  if (plan.fault.includes('agent') || plan.fault.includes('pod')) {
    deps.step('the agent serves again');
    await pod.start();
  }
  deps.step('the older worker has retired');
  return reloading;
}

async function replaceWorkers({ gate }: PodAgent, onServes: () => void): Promise<HandedOver> {
  const said: string[] = [];
  let counts: SessionCounts | undefined;
  try {
    const request = { workers: true, panels: [], changedOnly: false, reason: 'a new version' };
    for await (const { step, message, counts: ended } of gate.reload(request)) {
      if (step === ReloadStep.SERVES) onServes();
      said.push(`${ReloadStep[step]} ${message}`.trim());
      counts = ended ?? counts;
    }
  } catch (error) {
    said.push(messageOf(error));
  }
  return { counts, wrong: said.join() === 'STARTED,SERVES,RETIRED' ? [] : [`the reload said: ${said.join(', ')}`] };
}

/** Both sides of a handover. */
interface Sides {
  readonly older: PodAgent;
  /** The same one in a reload. */
  readonly newer: PodAgent;
  readonly olderWorkers: readonly BelowProcess[];
}

/** Breaks what is planned at a moment that is left to chance. */
async function strike({ clock, step, sessions }: HandOverDeps, { fault, random }: Plan, sides: Sides): Promise<void> {
  if (fault === 'none') return;
  const { older, newer, olderWorkers } = sides;
  const isOlder = (pid: number): boolean => olderWorkers.some((worker) => worker.pid === pid);
  await sleep(clock, random.number() * faultWithinMs);
  step(`${fault}: it has ended`);
  const place = random.number();
  const newerWorkers = (): readonly BelowProcess[] => newer.workers().filter(({ pid }) => !isOlder(pid));
  const strikes: Record<Exclude<Fault, 'none'>, () => void | Promise<void>> = {
    'older worker killed': () => killAll(olderWorkers),
    'newer worker killed': () => killAll(newerWorkers()),
    'older agent killed': () => older.kill(),
    'newer agent killed': () => newer.kill(),
    'older pod killed': () => older.killPod(),
    'newer pod killed': () => newer.killPod(),
    'clients cut': () => sessions.cut(),
    'client gone': () => sessions.kill(place),
  };
  await strikes[fault]();
}
