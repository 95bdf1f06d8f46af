import { describe, expect, test } from '@jest/globals';

import { createSimCluster, type SimCluster } from '#test/support/controller/sim-cluster.js';
import { createSimDriver, isOver, type SimDriver } from '#test/support/controller/sim-controller.js';

import { controllerRevisions, daemonSets, pods } from '#kube/api.js';
import type { Condition } from '#kube/objects.js';
import { panelRestarts, type PanelRestart } from './api/panel-restart.js';

function setUp(nodes = 3, annotations: Record<string, string> = {}): { sim: SimCluster; driver: SimDriver } {
  const sim = createSimCluster({ nodes });
  sim.annotate({ 'panelet.dev/rollout': 'managed', ...annotations });
  return { sim, driver: createSimDriver(sim) };
}

const hashes = (sim: SimCluster): (string | undefined)[] =>
  sim.pods().map(({ metadata }) => metadata.labels?.['controller-revision-hash']);

function rolloutOf(driver: SimDriver, revision: number): PanelRestart | undefined {
  return driver
    .restarts()
    .find(({ metadata }) => metadata.annotations?.['panelet.dev/rollout-revision']?.startsWith(`${revision}:`));
}

async function finish(sim: SimCluster, driver: SimDriver, revision: number, limitMs = 600_000): Promise<PanelRestart> {
  await driver.until(() => rolloutOf(driver, revision) !== undefined, 10_000);
  const { name } = rolloutOf(driver, revision)!.metadata;
  expect(await driver.until(() => isOver(sim, name), limitMs)).toBe(true);
  return sim.restart(name);
}

describe('a changed pod template', () => {
  test('of a managed DaemonSet is rolled out with a drain of every pod', async () => {
    const { sim, driver } = setUp();
    const before = sim.pods().map(({ metadata }) => metadata.uid);
    sim.setTemplate('h2');
    const restart = await finish(sim, driver, 2);
    expect(sim.violations).toEqual([]);
    expect(restart.spec.reason).toBe('a changed pod template, revision 2');
    expect(restart.status).toMatchObject({ phase: 'Succeeded', pods: { summary: '3/3' }, sessions: { lost: 0 } });
    expect([...sim.deletes().keys()].sort()).toEqual([...before].sort());
    expect(hashes(sim)).toEqual(['h2', 'h2', 'h2']);
  });

  test('of any other DaemonSet is left to whoever restarts it', async () => {
    const sim = createSimCluster({ nodes: 2 });
    const driver = createSimDriver(sim);
    sim.setTemplate('h2');
    await driver.until(() => false, 20_000);
    expect(driver.restarts()).toEqual([]);
  });

  test('that is the one all pods have asks for nothing', async () => {
    const { sim, driver } = setUp();
    await driver.until(() => false, 20_000);
    expect(driver.restarts()).toEqual([]);
    expect(sim.kube.writes).toEqual([]);
  });

  test('is told by the highest revision, never by age or name: an undo uses an old object again', async () => {
    const { sim, driver } = setUp();
    sim.setTemplate('h2');
    await finish(sim, driver, 2);
    sim.clock.advance(2_000);
    sim.setTemplate('h1');
    const restart = await finish(sim, driver, 3);
    expect(restart.status).toMatchObject({ phase: 'Succeeded', pods: { summary: '3/3' } });
    expect(hashes(sim)).toEqual(['h1', 'h1', 'h1']);
    expect(sim.violations).toEqual([]);
  });

  test('restarts only pods that do not have it yet', async () => {
    const { sim, driver } = setUp();
    sim.kube.mutate(pods, sim.pods()[1]!.metadata, (pod) => ({
      ...pod,
      metadata: { ...pod.metadata, labels: { ...pod.metadata.labels, 'controller-revision-hash': 'h2' } },
    }));
    sim.setTemplate('h2');
    const restart = await finish(sim, driver, 2);
    expect(restart.status?.pods?.summary).toBe('2/2');
    expect(sim.deletes().size).toBe(2);
  });

  test('is not guessed at while a pod has a template that is not known yet', async () => {
    const { sim, driver } = setUp();
    sim.kube.mutate(pods, sim.pods()[1]!.metadata, (pod) => ({
      ...pod,
      metadata: { ...pod.metadata, labels: { ...pod.metadata.labels, 'controller-revision-hash': 'h9' } },
    }));
    await driver.until(() => false, 20_000);
    expect(driver.restarts()).toEqual([]);
  });

  test('takes the options in the annotations', async () => {
    const { sim, driver } = setUp(3, { 'panelet.dev/max-unavailable': '2', 'panelet.dev/on-unreachable': 'Force' });
    sim.setTemplate('h2');
    const { spec } = await finish(sim, driver, 2);
    expect(spec).toMatchObject({ strategy: { maxUnavailable: 2 }, drain: { onUnreachable: 'Force' } });
  });

  test('is not rolled out with wrong options, which are said once, and is when they are right', async () => {
    const { sim, driver } = setUp(1, { 'panelet.dev/max-unavailable': 'many' });
    sim.setTemplate('h2');
    await driver.until(() => false, 20_000);
    const error = (): string | undefined =>
      sim.kube.all(daemonSets)[0]?.metadata.annotations?.['panelet.dev/rollout-error'];
    expect(error()).toContain('Annotation panelet.dev/max-unavailable is "many"');
    expect(driver.events.map(({ reason }) => reason)).toEqual(['RolloutRefused']);
    sim.annotate({ 'panelet.dev/max-unavailable': '1' });
    await finish(sim, driver, 2);
    expect(error()).toBeUndefined();
  });

  test('under RollingUpdate is refused with what to do', async () => {
    const { sim, driver } = setUp(1);
    sim.kube.mutate(daemonSets, sim.target, (target) => ({
      ...target,
      spec: { updateStrategy: { type: 'RollingUpdate' } },
    }));
    sim.setTemplate('h2');
    await driver.until(() => false, 5_000);
    expect(driver.events[0]).toMatchObject({ reason: 'RolloutRefused' });
    expect(driver.events[0]?.text).toContain('Set spec.updateStrategy.type to OnDelete');
    expect(driver.restarts()).toEqual([]);
  });

  test('is taken up once, also after its restart was removed', async () => {
    const { sim, driver } = setUp(1);
    sim.setTemplate('h2', 'unpullable');
    const { metadata } = await finish(sim, driver, 2);
    await sim.kube.delete(panelRestarts, metadata, { uid: metadata.uid ?? '' });
    sim.setTemplate('h2', 'unpullable');
    await driver.until(() => false, 20_000);
    expect(driver.restarts()).toEqual([]);
  });

  test('that failed because sessions were not safe in time is tried again, ever later, by whichever controller there is', async () => {
    const { sim } = setUp(2, { 'panelet.dev/drain-timeout': '20s' });
    for (const pod of sim.pods()) sim.agentOf(pod).options.stuck = 1;
    sim.setTemplate('h2');
    let driver = createSimDriver(sim);
    const first = await finish(sim, driver, 2);
    expect(first.status).toMatchObject({ phase: 'Failed', failures: [{ reason: 'DrainTimeout' }] });
    expect(sim.deletes().size).toBe(0);
    // Nobody remembers anything.
    driver = createSimDriver(sim);
    const names = (): string[] => driver.restarts().map(({ metadata }) => metadata.name.replace(/^.*-(?=r2)/, ''));
    await driver.until(() => false, 4 * 60_000);
    expect(names()).toEqual(['r2']);
    await driver.until(() => names().length === 2, 2 * 60_000);
    expect(names()).toEqual(['r2', 'r2-2']);
    await driver.until(() => false, 9 * 60_000);
    expect(names()).toEqual(['r2', 'r2-2']);
    for (const pod of sim.pods()) sim.agentOf(pod).options.stuck = 0;
    expect(await driver.until(() => driver.restarts().at(-1)?.status?.phase === 'Succeeded', 10 * 60_000)).toBe(true);
    expect(names()).toEqual(['r2', 'r2-2', 'r2-3']);
    expect([hashes(sim), sim.violations]).toEqual([['h2', 'h2'], []]);
  });

  test('that does not run is not tried again by itself', async () => {
    const { sim, driver } = setUp(2);
    sim.setTemplate('h2', 'unpullable');
    const first = await finish(sim, driver, 2);
    expect(first.status?.phase).toBe('Failed');
    await driver.until(() => false, 3 * 3_600_000);
    expect(driver.restarts()).toHaveLength(1);
  });

  test('says who asked where that is known', async () => {
    const { sim, driver } = setUp(1, { 'panelet.dev/requested-by': 'alice' });
    sim.setTemplate('h2');
    const { metadata } = await finish(sim, driver, 2);
    expect(metadata.annotations?.['panelet.dev/requested-by']).toBe('alice');
  });
});

const conditionOf = (restart: PanelRestart | undefined, type: string): Condition | undefined =>
  restart?.status?.conditions?.find((condition) => condition.type === type);

describe('a template that does not run', () => {
  test('touches no more pods than maxUnavailable, and says why', async () => {
    const { sim, driver } = setUp(5, { 'panelet.dev/max-unavailable': '2' });
    sim.setTemplate('h2', 'unpullable');
    const { status } = await finish(sim, driver, 2);
    expect(sim.deletes().size).toBe(2);
    const stalled = status?.conditions?.find(({ type }) => type === 'Stalled');
    expect(stalled).toMatchObject({ status: 'True', reason: 'ReplacementNotReady' });
    expect(stalled?.message).toContain('Container agent waits: ImagePullBackOff (Back-off pulling image "no/such").');
    expect(stalled?.message).toContain('undo it (helm rollback)');
    expect(sim.violations).toEqual([]);
  });

  test('is undone at once: what never ran is replaced first, without a drain, and nothing else is touched', async () => {
    const { sim, driver } = setUp(3);
    sim.setTemplate('h2', 'unpullable');
    await finish(sim, driver, 2);
    const [, untouched1, untouched2] = sim.pods().sort((a, b) => (a.spec!.nodeName! < b.spec!.nodeName! ? -1 : 1));
    sim.clock.advance(2_000);
    sim.setTemplate('h1');
    const startMs = sim.clock.nowMs();
    const restart = await finish(sim, driver, 3);
    expect(restart.status).toMatchObject({ phase: 'Succeeded', pods: { summary: '1/1' } });
    expect(sim.clock.nowMs() - startMs).toBeLessThan(5_000);
    expect(sim.violations).toEqual([]);
    expect(hashes(sim)).toEqual(['h1', 'h1', 'h1']);
    const uids = sim.pods().map(({ metadata }) => metadata.uid);
    expect(uids).toEqual(expect.arrayContaining([untouched1?.metadata.uid, untouched2?.metadata.uid]));
    expect(driver.events.map(({ reason }) => reason)).toContain('NeverRan');
  });

  test('and is undone in the middle gives its place to the next rollout without waiting for its timeout', async () => {
    const { sim, driver } = setUp(3);
    sim.setTemplate('h2', 'unpullable');
    await driver.until(() => sim.deletes().size === 1 && sim.pods().some(({ status }) => status?.phase === 'Pending'));
    await driver.until(() => false, 10_000);
    // Long before the time limit it says what is wrong.
    expect(rolloutOf(driver, 2)?.status?.completionTime).toBeUndefined();
    expect(conditionOf(rolloutOf(driver, 2), 'Stalled')).toMatchObject({ status: 'True', reason: 'ReplacementStuck' });
    expect(conditionOf(rolloutOf(driver, 2), 'Stalled')?.message).toContain('ImagePullBackOff');
    sim.setTemplate('h1');
    const startMs = sim.clock.nowMs();
    const second = await finish(sim, driver, 3);
    expect(sim.clock.nowMs() - startMs).toBeLessThan(10_000);
    expect(rolloutOf(driver, 2)?.status?.phase).toBe('Superseded');
    expect(second.status?.phase).toBe('Succeeded');
    expect(hashes(sim)).toEqual(['h1', 'h1', 'h1']);
    expect(sim.violations).toEqual([]);
  });

  test('and keeps crashing may hold sessions: it is replaced only as the policy for unreachable agents says', async () => {
    const { sim, driver } = setUp(2);
    sim.setTemplate('h2', 'crashing');
    await finish(sim, driver, 2);
    sim.clock.advance(2_000);
    sim.setTemplate('h1');
    const careful = await finish(sim, driver, 3);
    expect(careful.status).toMatchObject({ phase: 'Failed', failures: [{ reason: 'AgentCrashLooping' }] });
    expect(sim.deletes().size).toBe(1);
    sim.annotate({ 'panelet.dev/on-unreachable': 'Force', 'panelet.dev/restart': 'again' });
    const done = (): boolean => hashes(sim).every((hash) => hash === 'h1');
    expect(await driver.until(done, 600_000)).toBe(true);
    expect(sim.violations).toEqual([]);
  });
});

describe('a rollout', () => {
  test('is superseded by a newer template, which starts with what is left', async () => {
    const { sim, driver } = setUp(4);
    sim.setTemplate('h2');
    await driver.until(() => sim.deletes().size === 2);
    sim.setTemplate('h3');
    const second = await finish(sim, driver, 3);
    expect(rolloutOf(driver, 2)?.status?.phase).toBe('Superseded');
    expect(second.status?.phase).toBe('Succeeded');
    expect(hashes(sim)).toEqual(['h3', 'h3', 'h3', 'h3']);
    expect(sim.violations).toEqual([]);
  });

  test('that is undone before it touched a pod is over, and no pod is restarted for it', async () => {
    const { sim, driver } = setUp(2);
    sim.setTemplate('h2');
    await driver.until(() => driver.restarts().length === 1, 5_000);
    sim.setTemplate('h1');
    const name = driver.restarts()[0]!.metadata.name;
    expect(await driver.until(() => isOver(sim, name), 10_000)).toBe(true);
    await driver.until(() => false, 10_000);
    expect(driver.restarts().map(({ status }) => status?.phase)).toEqual(['Superseded']);
    expect(sim.deletes().size).toBe(0);
  });

  test('waits for a restart by annotation, which takes the new template up as well', async () => {
    const { sim, driver } = setUp(3);
    sim.annotate({ 'panelet.dev/restart': 'a' });
    await driver.until(() => sim.deletes().size === 1);
    sim.setTemplate('h2');
    const rollout = await finish(sim, driver, 2);
    expect(rollout.status?.phase).toBe('Succeeded');
    expect(hashes(sim)).toEqual(['h2', 'h2', 'h2']);
    expect(sim.violations).toEqual([]);
  });

  test('is made once however often its controller dies', async () => {
    for (let call = 1; call <= 3; call++) {
      for (const when of ['before', 'after'] as const) {
        const sim = createSimCluster({ nodes: 1 });
        sim.annotate({ 'panelet.dev/rollout': 'managed' });
        sim.setTemplate('h2');
        const driver = createSimDriver(sim, [{ call, when }]);
        await finish(sim, driver, 2);
        expect(driver.restarts()).toHaveLength(1);
        expect(sim.deletes().size).toBe(1);
        expect(sim.violations).toEqual([]);
      }
    }
  });

  test('needs the revisions of the DaemonSet', async () => {
    const { sim, driver } = setUp(1);
    for (const revision of sim.kube.all(controllerRevisions)) sim.kube.remove(controllerRevisions, revision.metadata);
    await driver.until(() => false, 5_000);
    expect(driver.restarts()).toEqual([]);
  });
});
