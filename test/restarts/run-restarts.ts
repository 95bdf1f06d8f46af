import { messageOf } from '#common/errors/errors.js';
import { sleep, type Clock } from '#common/time/clock.js';
import type { RestartRecord, SoakResult } from '../soak/soak.js';
import { startEchoLoad, type EchoLoad } from '#test/support/echo-load.js';
import type { TestCluster } from '#test/support/test-cluster.js';
import { planRestart, type RestartKind, type RestartPlan } from './restart-plan.js';
import { RestartedCluster } from './restarted-cluster.js';

/** What is restarted, and how. */
export interface RestartsOptions {
  readonly test: TestCluster;
  readonly clock: Clock;
  readonly count: number;
  /** Number of the first restart. */
  readonly first: number;
  readonly sessions: number;
  readonly seed: number;
  /** One line of progress. */
  readonly say: (line: string) => void;
  /** Stops after the restart under way. */
  readonly signal: AbortSignal;
}

const finishLimitMs = 60_000;
const shortWarm = { 'panelet.dev/warm-timeout': '2s' };

/** How each kind may end, restart by restart; whoever changes his mind may come too late. */
const endings: Record<RestartKind, readonly string[]> = {
  beside: ['Succeeded'],
  alone: ['Succeeded'],
  paused: ['Succeeded'],
  aborted: ['Aborted', 'Succeeded'],
  'second restart': ['Succeeded,Succeeded', 'Superseded,Succeeded'],
  'template changed': ['Succeeded,Succeeded', 'Superseded,Succeeded'],
  'replacement crashes': ['Failed'],
};

/** Restarts the agents of a cluster again and again while sessions write, and compares what was sent, hashed and received. */
export async function runRestarts(options: RestartsOptions): Promise<SoakResult> {
  const { test, clock, count, first, say, signal } = options;
  const startedMs = clock.nowMs();
  const loads = await openAll(options);
  const agents = new RestartedCluster(test);
  const restarts: RestartRecord[] = [];
  const problems: string[] = [];
  for (let index = first; index < first + count && !signal.aborted; index++) {
    const plan = planRestart(index, options.seed);
    const beganMs = clock.nowMs();
    try {
      const ended = await restartAsPlanned(agents, clock, plan);
      if (!endings[plan.kind].includes(ended)) problems.push(`restart ${index}, ${plan.kind}: ended ${ended}`);
    } catch (error) {
      problems.push(`restart ${index}, ${plan.kind}: ${messageOf(error)}`);
      say(problems.at(-1) ?? '');
      // What hangs would only hang again.
      break;
    }
    const tookMs = clock.nowMs() - beganMs;
    restarts.push({ kind: plan.kind, node: 'all', tookMs });
    const megabytes = (loads.reduce((sum, load) => sum + load.receivedBytes(), 0) / 1024 / 1024).toFixed(1);
    say(`restart ${index} ${plan.kind}: ${Math.round(tookMs)} ms, ${megabytes} MiB came back so far`);
  }
  const verdicts = await Promise.all(loads.map((load) => load.finish(finishLimitMs)));
  return { restarts, verdicts, problems, tookMs: clock.nowMs() - startedMs };
}

function openAll({ test, clock, sessions, seed }: RestartsOptions): Promise<EchoLoad[]> {
  const { nodes } = test.cluster;
  const open = async (index: number): Promise<EchoLoad> => {
    const session = await test.client(nodes[index % nodes.length]?.name ?? '').open({ panel: 'echo' });
    return startEchoLoad({ session, seed: seed + index, clock, largestWriteBytes: 2_048, longestPauseMs: 50 });
  };
  return Promise.all(Array.from({ length: sessions }, (_, index) => open(index)));
}

/** @returns phases that the restarts of the plan ended in, in order */
async function restartAsPlanned(agents: RestartedCluster, clock: Clock, plan: RestartPlan): Promise<string> {
  const name = `r-${plan.index}`;
  const wait = async (): Promise<void> => {
    await agents.untilTakenOut(name);
    await sleep(clock, plan.afterMs);
  };
  const ways: Record<RestartKind, () => Promise<void>> = {
    beside: () => agents.ask(name),
    alone: () => agents.ask(name, { strategy: { maxSurge: 0 } }),
    paused: async () => {
      await agents.ask(name);
      await wait();
      await agents.change(name, { paused: true });
      await sleep(clock, plan.afterMs);
      await agents.change(name, { paused: false });
    },
    aborted: async () => {
      await agents.ask(name);
      await wait();
      await agents.change(name, { abort: true });
    },
    'second restart': async () => {
      await agents.ask(name);
      await wait();
      await agents.ask(`${name}-again`);
    },
    'template changed': async () => {
      await agents.ask(name);
      await wait();
      await changeTemplate(agents, String(plan.index));
      await agents.untilRestarts(2);
    },
    'replacement crashes': () => crash(agents),
  };
  await ways[plan.kind]();
  await agents.untilOver();
  return (await agents.forget()).join();
}

function changeTemplate(agents: RestartedCluster, value: string): Promise<void> {
  return agents.edit((set) => {
    const { metadata, ...rest } = set.spec.template;
    const annotations = { ...metadata?.annotations, 'example.com/changed': value };
    set.metadata.annotations = {
      ...set.metadata.annotations,
      ...{ 'panelet.dev/notice': '0s', 'panelet.dev/max-surge': '100%', 'panelet.dev/max-unavailable': '100%' },
    };
    set.spec = { ...set.spec, template: { ...rest, metadata: { ...metadata, annotations } } };
  });
}

/** A template whose program ends at once is rolled out, and is undone once that has failed. */
async function crash(agents: RestartedCluster): Promise<void> {
  let undo = (): Promise<void> => Promise.resolve();
  await agents.edit((set) => {
    const { spec, metadata } = set;
    const before = metadata.annotations;
    undo = () =>
      agents.edit((now) => {
        now.spec = { ...now.spec, template: spec.template };
        Reflect.deleteProperty(now.metadata.annotations ?? {}, 'panelet.dev/warm-timeout');
      });
    const { template } = spec;
    const command = [process.execPath, '-e', 'process.exit(1)'];
    const containers = template.spec.containers.map((container) => ({ ...container, command }));
    metadata.annotations = { ...before, ...shortWarm };
    set.spec = { ...spec, template: { ...template, spec: { ...template.spec, containers } } };
  });
  await agents.untilRestarts(1);
  await agents.untilOver();
  await undo();
}
