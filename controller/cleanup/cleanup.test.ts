import { beforeEach, describe, expect, test } from '@jest/globals';

import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import { createFakeKube, type FakeKube } from '#test/support/controller/fake-kube.js';
import { waitFor } from '#test/support/wait-for.js';

import { pods } from '#kube/api.js';
import { claimAnnotation, uncordonFinalizer } from '../restart/api/annotations.js';
import { panelRestarts, type PanelRestart } from '../restart/api/panel-restart.js';
import { readCleanupArguments } from './cleanup-arguments.js';
import { runCleanup } from './cleanup.js';

const namespace = 'ns';
const key = { namespace, name: 'r' };
const restart: PanelRestart = {
  metadata: { ...key, finalizers: [uncordonFinalizer, 'other/finalizer'] },
  spec: { targetRef: { name: 'd' } },
};

let clock: FakeClock;
let kube: FakeKube;
let lines: string[];

beforeEach(() => {
  clock = createFakeClock();
  kube = createFakeKube(clock);
  lines = [];
});

const cleanup = (timeoutMs: number): Promise<void> =>
  runCleanup({ api: kube, clock, say: (line) => lines.push(line) }, { namespace, timeoutMs });

/** Moves the clock whenever it is waited for. */
async function finished(running: Promise<void>): Promise<void> {
  let over = false;
  const done = running.finally(() => (over = true));
  await waitFor(
    'the cleanup',
    () => {
      if (clock.pending() > 0) clock.advance(1_000);
      return over;
    },
    5_000,
  );
  await done;
}

const letGo = (finalizers: string[]): void =>
  void kube.mutate(panelRestarts, key, (object) => ({ ...object, metadata: { ...object.metadata, finalizers } }));

describe('cleanup', () => {
  test('aborts and deletes what runs, and waits for the controller to let it go', async () => {
    kube.put(panelRestarts, restart);
    const running = cleanup(60_000);
    await waitFor('the wish', () => kube.all(panelRestarts)[0]?.metadata.deletionTimestamp !== undefined, 5_000);
    expect(kube.all(panelRestarts)[0]?.spec.abort).toBe(true);
    letGo([]);
    await finished(running);
    expect(lines).toEqual([
      'PanelRestarts in ns: 1.',
      'r: asked to abort.',
      'r: deleted; it goes when its pods are uncordoned.',
      'Done: nothing of Panelet is under way any more.',
    ]);
  });

  test('takes off its own finalizer, and no other, when no controller does', async () => {
    kube.put(panelRestarts, restart);
    await finished(cleanup(3_000));
    expect(kube.all(panelRestarts)[0]?.metadata.finalizers).toEqual(['other/finalizer']);
    expect(clock.nowMs()).toBeGreaterThanOrEqual(3_000);
    expect(lines.at(-2)).toContain('its finalizer is removed');
  });

  test('takes the finalizer off although somebody else writes at the same time', async () => {
    kube.put(panelRestarts, { ...restart, spec: { ...restart.spec, abort: true } });
    const patch = kube.patch.bind(kube);
    let disturbed = 0;
    kube.patch = (resource, where, body) => {
      if (disturbed++ === 0)
        kube.mutate(panelRestarts, key, (object) => ({ ...object, status: { phase: 'Stopping' } }));
      return patch(resource, where, body);
    };
    await finished(cleanup(1));
    expect(kube.all(panelRestarts)[0]?.metadata.finalizers).toEqual(['other/finalizer']);
  });

  test('leaves a finished one its spec, and removes claims that are left on pods', async () => {
    kube.put(panelRestarts, {
      metadata: key,
      spec: restart.spec,
      status: { completionTime: '2026-01-01T00:00:00Z' },
    });
    kube.put(pods, { metadata: { namespace, name: 'p', annotations: { [claimAnnotation]: '{}', other: 'x' } } });
    await finished(cleanup(3_000));
    expect(kube.writes.map(({ verb, plural }) => `${verb} ${plural}`)).toEqual(['delete panelrestarts', 'patch pods']);
    expect(kube.all(pods)[0]?.metadata.annotations).toEqual({ other: 'x' });
  });

  test('has nothing to do when nothing is installed, and says what it could not do', async () => {
    kube.list = (resource) =>
      resource.plural === 'panelrestarts'
        ? Promise.reject(new PaneletError('API_NOT_FOUND', 'no such kind'))
        : Promise.resolve({ metadata: {}, items: [] });
    await finished(cleanup(3_000));
    expect(lines).toEqual(['No PanelRestart in ns.', 'Done: nothing of Panelet is under way any more.']);
    kube.list = () => Promise.reject(new PaneletError('API_REFUSED', 'forbidden'));
    await expect(cleanup(3_000)).rejects.toThrow('forbidden');
  });

  test('reads its time in seconds or minutes', () => {
    expect(readCleanupArguments(['--namespace', 'x', '--timeout', '2m'])).toMatchObject({
      namespace: 'x',
      timeoutMs: 120_000,
    });
    expect(readCleanupArguments([]).timeoutMs).toBe(120_000);
    expect(readCleanupArguments(['--timeout', '5']).timeoutMs).toBe(5_000);
    expect(() => readCleanupArguments(['--timeout', 'soon'])).toThrow('--timeout is "soon"');
  });
});
