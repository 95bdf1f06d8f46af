import { describe, expect, test } from '@jest/globals';

import { daemonSets, pods } from '#kube/api.js';
import type { Pod } from '#kube/objects.js';
import { isExhaustive } from '#test/support/exhaustive.js';
import type { FaultPoint } from '#test/support/controller/faults.js';
import { createSimCluster, type SimCluster, type SimOptions } from '#test/support/controller/sim-cluster.js';
import { createSimDriver, isOver, type SimDriver } from '#test/support/controller/sim-controller.js';
import type { Replacement } from '#test/support/controller/sim-daemon-set.js';
import { retireAtAnnotation, retiringLabel } from './api/annotations.js';
import { panelRestarts, type PanelRestart, type PanelRestartSpec } from './api/panel-restart.js';
import { isRetiring } from './api/retirement.js';

const targetRef = { name: 'panelet-host' };
const shells = 2;

interface World {
  readonly sim: SimCluster;
  readonly driver: SimDriver;
  readonly original: readonly Pod[];
}

function setUp(options: Partial<SimOptions> = {}, faults: FaultPoint[] = [], lagMs = 0): World {
  const sim = createSimCluster({ nodes: 2, surge: {}, host: { kept: 0, stuck: shells }, ...options });
  return { sim, original: sim.hostPods(), driver: createSimDriver(sim, faults, lagMs) };
}

async function upgrade(
  { sim, driver }: World,
  name: string,
  spec: Partial<PanelRestartSpec> = {},
): Promise<PanelRestart> {
  await driver.until(() => false, 2_000);
  sim.request(name, { targetRef, ...spec });
  expect(await driver.until(() => isOver(sim, name), 900_000)).toBe(true);
  return sim.restart(name);
}

const retiringOf = (sim: SimCluster): Pod[] => sim.hostPods().filter(isRetiring);
const uidOf = (pod: Pod): string => pod.metadata.uid ?? '';
const isThere = (sim: SimCluster, pod: Pod): boolean => sim.hostPods().some((one) => uidOf(one) === uidOf(pod));
const endShells = (sim: SimCluster, pod: Pod): void => {
  const host = sim.agents.hostOf(uidOf(pod));
  if (host !== undefined) host.options.stuck = 0;
};
const patch = (sim: SimCluster, pod: Pod, annotations: Record<string, string>): void => {
  sim.kube.mutate(pods, pod.metadata, (before) => ({
    ...before,
    metadata: { ...before.metadata, annotations: { ...before.metadata.annotations, ...annotations } },
  }));
};
const conditionOf = (restart: PanelRestart, type: string): { status: string; message?: string } | undefined =>
  restart.status?.conditions?.find((condition) => condition.type === type);

/** Nothing is held by a restart, and each node has one pod that does not retire. */
function expectTidyHosts(sim: SimCluster): void {
  expect(sim.violations).toEqual([]);
  const inService = sim.hostPods().filter((pod) => !isRetiring(pod));
  expect(inService.map(({ spec }) => spec?.nodeName).sort()).toEqual(['node-0', 'node-1']);
  const held = sim.hostPods().filter(({ metadata: { labels, annotations } }) => {
    return labels?.['panelet.dev/detached'] !== undefined || annotations?.['panelet.dev/claim'] !== undefined;
  });
  expect(held).toEqual([]);
}

describe('a host with shells', () => {
  test('retires when its replacement serves: the restart succeeds, no shell ends, and it goes with its last one', async () => {
    const world = setUp();
    const { sim, driver, original } = world;
    const done = await upgrade(world, 'h1');
    expect(done.status).toMatchObject({
      phase: 'Succeeded',
      pods: { summary: '2/2', retiring: 2 },
      sessions: { kept: 4, forced: 0, lost: 0 },
    });
    expect(conditionOf(done, 'Retiring')).toMatchObject({ status: 'True' });
    expectTidyHosts(sim);
    expect(retiringOf(sim).map(uidOf)).toEqual(original.map(uidOf));
    expect(sim.deletes().size).toBe(0);
    await driver.until(() => original.every((pod) => sim.agents.hostOf(uidOf(pod))?.retiring === true), 60_000);
    await driver.until(() => false, 600_000);
    expect(sim.deletes().size).toBe(0);
    endShells(sim, original[0]!);
    expect(await driver.until(() => !isThere(sim, original[0]!), 120_000)).toBe(true);
    expect([...sim.deletes().keys()]).toEqual([uidOf(original[0]!)]);
    await driver.until(() => sim.restart('h1').status?.pods?.retiring === 1, 60_000);
    expect(conditionOf(sim.restart('h1'), 'Retiring')?.message).toContain('node-1');
    endShells(sim, original[1]!);
    expect(await driver.until(() => conditionOf(sim.restart('h1'), 'Retiring')?.status === 'False', 120_000)).toBe(
      true,
    );
    expect(sim.restart('h1').status).toMatchObject({ phase: 'Succeeded', pods: { retiring: 0 } });
    expectTidyHosts(sim);
    expect(original.map((pod) => sim.agents.hostOf(uidOf(pod)))).toEqual([undefined, undefined]);
  });

  test('goes at its time, whatever became of the restart: what is left is ended then, and not before', async () => {
    const world = setUp();
    const { sim, driver, original } = world;
    await upgrade(world, 'h1', { drain: { retireTimeoutSeconds: 300 } });
    sim.kube.remove(panelRestarts, sim.restart('h1').metadata);
    const until = original.map((pod) => sim.kube.find(pods, pod.metadata)?.metadata.annotations?.[retireAtAnnotation]);
    const untilMs = Math.min(...until.map((text) => Date.parse(text ?? '')));
    driver.replace();
    await driver.until(() => sim.clock.date().getTime() >= untilMs - 5_000, 600_000);
    expect(original.map((pod) => sim.agents.hostOf(uidOf(pod))?.ended)).toEqual([0, 0]);
    expect(sim.deletes().size).toBe(0);
    expect(await driver.until(() => retiringOf(sim).length === 0, 300_000)).toBe(true);
    expectTidyHosts(sim);
  });

  test('goes also where nobody looked when its time came, and its host has ended what was left by itself', async () => {
    const world = setUp();
    const { sim, driver, original } = world;
    await upgrade(world, 'h1', { drain: { retireTimeoutSeconds: 300 } });
    await driver.until(() => original.every((pod) => sim.agents.hostOf(uidOf(pod))?.retiring === true), 60_000);
    driver.away(600_000);
    expect(original.map((pod) => sim.agents.hostOf(uidOf(pod))?.ended)).toEqual([shells, shells]);
    expect(await driver.until(() => retiringOf(sim).length === 0, 300_000)).toBe(true);
    expectTidyHosts(sim);
  });

  test('goes sooner, or later, when somebody changes its time', async () => {
    const world = setUp();
    const { sim, driver, original } = world;
    await upgrade(world, 'h1', { drain: { retireTimeoutSeconds: 300 } });
    const [sooner, later] = original as [Pod, Pod];
    const at = (ms: number): string => new Date(sim.clock.date().getTime() + ms).toISOString();
    patch(sim, later, { [retireAtAnnotation]: at(1_200_000) });
    patch(sim, sooner, { [retireAtAnnotation]: at(10_000) });
    expect(await driver.until(() => !isThere(sim, sooner), 120_000)).toBe(true);
    expect(await driver.until(() => !isThere(sim, later), 600_000)).toBe(false);
    patch(sim, later, { [retireAtAnnotation]: 'never' });
    expect(await driver.until(() => !isThere(sim, later), 1_200_000)).toBe(false);
    patch(sim, later, { [retireAtAnnotation]: 'tomorrow' });
    expect(await driver.until(() => !isThere(sim, later), 120_000)).toBe(false);
    expect(sim.violations).toEqual([]);
  }, 60_000);

  test('of a third generation waits until there is room for one that retires, and says for what', async () => {
    const world = setUp({ nodes: 2 });
    const { sim, driver, original } = world;
    await upgrade(world, 'h1');
    await upgrade(world, 'h2');
    expect(retiringOf(sim)).toHaveLength(4);
    await driver.until(() => false, 2_000);
    sim.request('h3', { targetRef });
    expect(await driver.until(() => isOver(sim, 'h3'), 300_000)).toBe(false);
    const waiting = conditionOf(sim.restart('h3'), 'Reconciling');
    expect(waiting?.message).toContain(`${original[0]!.metadata.name} on node-0`);
    expect(waiting?.message).toContain('2 sessions');
    expect(driver.events.some(({ reason }) => reason === 'TooManyRetiring')).toBe(true);
    expect(sim.hostPods()).toHaveLength(6);
    for (const pod of original) endShells(sim, pod);
    expect(await driver.until(() => isOver(sim, 'h3'), 300_000)).toBe(true);
    expect(sim.restart('h3').status?.phase).toBe('Succeeded');
    expect(retiringOf(sim)).toHaveLength(4);
    expectTidyHosts(sim);
  });

  test('without any is drained and deleted, in four writes', async () => {
    const world = setUp({ host: { kept: 0, stuck: 0 } });
    const { sim, original } = world;
    const before = sim.kube.writes.length;
    expect((await upgrade(world, 'h1')).status).toMatchObject({
      phase: 'Succeeded',
      pods: { summary: '2/2', retiring: 0 },
    });
    expect([...sim.deletes().keys()].sort()).toEqual(original.map(uidOf).sort());
    const writes = sim.kube.writes.slice(before).filter(({ plural }) => plural === 'pods');
    for (const pod of original) expect(writes.filter(({ uid }) => uid === uidOf(pod)).length).toBeLessThanOrEqual(3);
    expectTidyHosts(sim);
  });

  test.each([
    ['is to end its sessions at once', { drain: { retireTimeoutSeconds: 0, timeoutSeconds: 30 } }, true],
    ['has an agent of the release before', { drain: { timeoutSeconds: 30 } }, false],
  ])('that %s is waited for, as ever', async (_what, spec, isNaming) => {
    const world = setUp();
    world.sim.agents.isNaming = isNaming;
    const { status } = await upgrade(world, 'h1', spec);
    expect(status).toMatchObject({ phase: 'Failed', failures: [{ reason: 'DrainTimeout' }] });
    expect(world.sim.hostPods().map(uidOf)).toEqual(world.original.map(uidOf));
    expect(world.sim.deletes().size).toBe(0);
  });

  test.each<[Replacement, string]>([
    ['unpullable', 'ReplacementStuck'],
    ['crashing', 'ReplacementStuck'],
  ])('whose replacement is %s is given back, and has lost nothing', async (replacement, reason) => {
    const world = setUp();
    const { sim, original } = world;
    sim.replacement = replacement;
    const { status } = await upgrade(world, 'h1', { strategy: { warmTimeoutSeconds: 10 } });
    expect(status).toMatchObject({ phase: 'Failed', failures: [{ reason }] });
    await world.driver.until(() => false, 5_000);
    expectTidyHosts(sim);
    expect(sim.hostPods().map(uidOf)).toEqual(original.map(uidOf));
    expect(original.map((pod) => sim.agents.hostOf(uidOf(pod))?.options.stuck)).toEqual([shells, shells]);
  });

  test('stays beside its replacement where a shell was opened there before the restart was called off', async () => {
    const world = setUp({ nodes: 2 });
    const { sim, driver, original } = world;
    const isNew = (pod: Pod): boolean => !original.map(uidOf).includes(uidOf(pod));
    sim.request('h1', { targetRef, strategy: { minReadySeconds: 30 } });
    await driver.until(() => sim.hostPods().some((pod) => isNew(pod) && sim.agents.hostOf(uidOf(pod))), 60_000);
    sim.kube.mutate(panelRestarts, sim.restart('h1').metadata, (restart) => ({
      ...restart,
      spec: { ...restart.spec, abort: true },
    }));
    expect(await driver.until(() => isOver(sim, 'h1'), 300_000)).toBe(true);
    await driver.until(() => false, 10_000);
    expect(sim.restart('h1').status?.phase).toBe('Aborted');
    expect(retiringOf(sim)).toHaveLength(1);
    expectTidyHosts(sim);
  });

  test('has its owners written anew where Panelet was installed again', async () => {
    const world = setUp();
    const { sim, driver, original } = world;
    await upgrade(world, 'h1');
    const [pod] = original as [Pod];
    sim.kube.mutate(pods, pod.metadata, (before) => ({
      ...before,
      metadata: { ...before.metadata, ownerReferences: [] },
    }));
    const owners = (): readonly { kind: string; controller?: boolean }[] =>
      sim.kube.find(pods, pod.metadata)?.metadata.ownerReferences ?? [];
    expect(await driver.until(() => owners().length === 2, 60_000)).toBe(true);
    expect(owners()).toEqual([
      expect.objectContaining({ kind: 'DaemonSet', controller: false }),
      expect.objectContaining({ kind: 'Lease', controller: true }),
    ]);
  });

  test('goes with its last shell where its DaemonSet is gone for good, and belongs to the lease alone', async () => {
    const world = setUp();
    const { sim, driver, original } = world;
    await upgrade(world, 'h1');
    const [pod] = original as [Pod];
    for (const { metadata } of sim.kube.all(daemonSets)) {
      if (metadata.name === targetRef.name) sim.kube.remove(daemonSets, metadata);
    }
    sim.kube.mutate(pods, pod.metadata, (before) => ({
      ...before,
      metadata: { ...before.metadata, ownerReferences: [] },
    }));
    driver.replace();
    const owners = (): readonly unknown[] => sim.kube.find(pods, pod.metadata)?.metadata.ownerReferences ?? [];
    expect(await driver.until(() => owners().length > 0, 60_000)).toBe(true);
    expect(owners()).toEqual([expect.objectContaining({ kind: 'Lease', controller: true })]);
    expect(await driver.until(() => !isThere(sim, pod), 120_000)).toBe(false);
    endShells(sim, pod);
    expect(await driver.until(() => !isThere(sim, pod), 120_000)).toBe(true);
    expect(sim.violations).toEqual([]);
  });

  test('on a node that is down is left alone, and goes when the node is back without its shells', async () => {
    const world = setUp();
    const { sim, driver, original } = world;
    await upgrade(world, 'h1', { drain: { retireTimeoutSeconds: 600 } });
    sim.setNodeReady('node-0', false);
    expect(await driver.until(() => !isThere(sim, original[0]!), 900_000)).toBe(false);
    expect(isThere(sim, original[1]!)).toBe(false);
    sim.setNodeReady('node-0', true);
    expect(await driver.until(() => !isThere(sim, original[0]!), 120_000)).toBe(true);
    expectTidyHosts(sim);
  });

  test('that was evicted is removed', async () => {
    const world = setUp();
    const { sim, driver, original } = world;
    await upgrade(world, 'h1');
    const [pod] = original as [Pod];
    sim.agents.removeHost(uidOf(pod));
    sim.kube.mutate(pods, pod.metadata, (before) => ({ ...before, status: { ...before.status, phase: 'Failed' } }));
    expect(await driver.until(() => !isThere(sim, pod), 60_000)).toBe(true);
    expectTidyHosts(sim);
  });
});

describe('somebody who labels pods by hand', () => {
  const label = (sim: SimCluster, pod: Pod, value: string | null): void => {
    sim.kube.mutate(pods, pod.metadata, (before) => {
      const labels = { ...before.metadata.labels };
      if (value === null) Reflect.deleteProperty(labels, retiringLabel);
      else labels[retiringLabel] = value;
      return { ...before, metadata: { ...before.metadata, labels } };
    });
  };

  test('takes the label off: the pod retires on, and has it again', async () => {
    const world = setUp();
    const { sim, driver, original } = world;
    await upgrade(world, 'h1');
    const [pod] = original as [Pod];
    label(sim, pod, null);
    const labels = (): Record<string, string> | undefined => sim.kube.find(pods, pod.metadata)?.metadata.labels;
    expect(await driver.until(() => labels()?.[retiringLabel] === 'true', 60_000)).toBe(true);
    endShells(sim, pod);
    expect(await driver.until(() => !isThere(sim, pod), 120_000)).toBe(true);
    expectTidyHosts(sim);
  });

  test('has a host in service retire, also one that a restart has: another one takes its place', async () => {
    const world = setUp();
    const { sim, driver, original } = world;
    const [pod] = original as [Pod];
    sim.request('h1', { targetRef, strategy: { minReadySeconds: 30 } });
    await driver.until(() => sim.hostPods().length === 3, 60_000);
    label(sim, pod, 'true');
    expect(await driver.until(() => isOver(sim, 'h1'), 900_000)).toBe(true);
    await driver.until(() => false, 60_000);
    expect(retiringOf(sim).map(uidOf)).toContain(uidOf(pod));
    expectTidyHosts(sim);
    endShells(sim, pod);
    expect(await driver.until(() => !isThere(sim, pod), 120_000)).toBe(true);
    expectTidyHosts(sim);
  });

  test('changes nothing about agents: they do not retire, and none is deleted', async () => {
    const world = setUp();
    const { sim, driver } = world;
    const [pod] = sim.pods() as [Pod];
    label(sim, pod, 'true');
    const conditions = [{ type: 'Ready', status: 'False' as const }];
    sim.kube.mutate(pods, pod.metadata, (before) => ({ ...before, status: { ...before.status, conditions } }));
    const { ownerReferences } = pod.metadata;
    await driver.until(() => false, 120_000);
    expect(sim.deletes().size).toBe(0);
    expect(sim.kube.find(pods, pod.metadata)?.metadata.ownerReferences).toEqual(ownerReferences);
  });
});

describe('a controller that is killed while hosts retire', () => {
  const step = isExhaustive ? 1 : 5;
  interface Scene {
    readonly what: string;
    readonly options?: Partial<SimOptions>;
    readonly spec?: Partial<PanelRestartSpec>;
    readonly end: 'shells' | 'time';
  }
  const scenes: readonly Scene[] = [
    { what: 'until their shells end', end: 'shells' },
    { what: 'until their time is over', end: 'time', spec: { drain: { retireTimeoutSeconds: 120 } } },
    { what: 'or none has to', end: 'shells', options: { host: { kept: 0, stuck: 0 } } },
  ];

  async function run(scene: Scene, faults: FaultPoint[], lagMs = 0): Promise<World> {
    const world = setUp(scene.options, faults, lagMs);
    const { sim, driver, original } = world;
    await upgrade(world, 'h1', scene.spec);
    expect(sim.restart('h1').status).toMatchObject({
      phase: 'Succeeded',
      pods: { summary: '2/2' },
      sessions: { forced: 0 },
    });
    if (scene.end === 'shells') for (const pod of original) endShells(sim, pod);
    expect(await driver.until(() => original.every((pod) => !isThere(sim, pod)), 900_000)).toBe(true);
    await driver.until(() => false, 5_000);
    expectTidyHosts(sim);
    expect([...sim.deletes()].sort()).toEqual(original.map((pod) => [uidOf(pod), 1]).sort());
    return world;
  }

  test.each(scenes.map((scene, index) => ({ ...scene, index })))(
    '$what, at any write or gate call, before or after it takes effect: each goes once, after its own receipt',
    async (scene) => {
      const whole = await run(scene, []);
      const points = whole.driver.calls.flatMap((_, index) =>
        (['before', 'after'] as const).map((when) => ({ call: index + 1, when })),
      );
      expect(points.length).toBeGreaterThan(10);
      for (const point of points.filter((_, index) => index % step === scene.index % step)) await run(scene, [point]);
    },
    120_000,
  );

  test('with caches that lag', async () => {
    for (const scene of scenes) await run(scene, [{ call: 7, when: 'after' }], 80);
  }, 60_000);
});

describe('what comes from outside while a host is replaced', () => {
  const node = 'node-0';
  const blows: readonly [string, (world: World) => void][] = [
    ['its node is not heard for ten minutes', ({ sim }) => sim.reboot(node, 600_000)],
    [
      'the pod that was taken out, or retires, is evicted',
      ({ sim, original: [pod] }) => {
        const now = pod && sim.kube.find(pods, pod.metadata);
        const isOut = now?.metadata.labels?.['panelet.dev/in-daemonset'] === undefined;
        if (now !== undefined && isOut && now.metadata.deletionTimestamp === undefined) sim.kill(now);
      },
    ],
    ['there is no controller for an hour', ({ driver }) => driver.away(3_600_000)],
  ];

  test.each(blows)(
    '%s, at any moment: the restart ends, each node has one host in service, and none is deleted with its shells',
    async (_what, strike) => {
      // Shells open in the newer pod meanwhile.
      const spec = { strategy: { minReadySeconds: 20 } };
      const whole = setUp();
      await upgrade(whole, 'h1', spec);
      const total = whole.driver.calls.length;
      expect(total).toBeGreaterThan(10);
      for (let call = 1; call <= total; call++) {
        const world = setUp();
        const { sim, driver } = world;
        await driver.until(() => false, 2_000);
        sim.request('h1', { targetRef, ...spec });
        await driver.until(() => driver.calls.length >= call, 600_000);
        strike(world);
        const isEnd = await driver.until(() => isOver(sim, 'h1'), 7_200_000);
        expect({ call, isEnd }).toEqual({ call, isEnd: true });
        await driver.until(() => false, 60_000);
        expectTidyHosts(sim);
        expect({ call, deletes: sim.deletes().size }).toEqual({ call, deletes: 0 });
      }
    },
    120_000,
  );
});

test('a pod that retires says so by its label alone', () => {
  expect(isRetiring({ metadata: { name: 'p', labels: { [retiringLabel]: 'true' } } })).toBe(true);
  expect(isRetiring({ metadata: { name: 'p' } })).toBe(false);
});
