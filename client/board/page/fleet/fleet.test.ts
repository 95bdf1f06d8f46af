import { describe, expect, test } from '@jest/globals';
import { sampleEvent, sampleLane, sampleNode, samplePod, sampleRestart } from '#test/board/samples.js';
import { mostEvents } from '../../wire/merge-events.js';
import { awaitEverything, emptyFleet, fleetAfter, withoutNodes } from './fleet.js';

describe('fleet', () => {
  test('has what was said last of each object, without what is gone', () => {
    const fleet = fleetAfter(
      emptyFleet,
      [
        { kind: 'pods', changed: [samplePod(1), samplePod(2)], gone: [] },
        { kind: 'pods', changed: [samplePod(1, { ready: false })], gone: ['pod-2'] },
      ],
      0,
    );
    expect([...fleet.pods.values()]).toEqual([samplePod(1, { ready: false })]);
    expect(emptyFleet.pods.size).toBe(0);
  });

  test('does not change the one before', () => {
    const before = fleetAfter(emptyFleet, [{ kind: 'pods', changed: [samplePod(1)], gone: [] }], 0);
    const after = fleetAfter(before, [{ kind: 'pods', changed: [samplePod(2)], gone: [] }], 0);
    expect([before.pods.size, after.pods.size]).toEqual([1, 2]);
  });

  test('replaces all that it has of a kind when a new connection says it first, and only then', () => {
    const before = fleetAfter(
      emptyFleet,
      [
        { kind: 'pods', changed: [samplePod(1)], gone: [] },
        { kind: 'events', events: [sampleEvent(1)] },
      ],
      0,
    );
    const waiting = awaitEverything(before);
    expect(waiting.pods.size).toBe(1);
    const after = fleetAfter(
      waiting,
      [
        { kind: 'pods', changed: [samplePod(2)], gone: [] },
        { kind: 'pods', changed: [samplePod(3)], gone: [] },
        { kind: 'events', events: [sampleEvent(2)] },
      ],
      0,
    );
    expect([...after.pods.keys()]).toEqual(['pod-2', 'pod-3']);
    expect(after.events.map(({ uid }) => uid)).toEqual(['event-2']);
  });

  test('has none of what was there, and no trouble, where a new connection tells of none', () => {
    const before = fleetAfter(
      emptyFleet,
      [
        { kind: 'pods', changed: [samplePod(1)], gone: [] },
        { kind: 'restarts', changed: [sampleRestart('a')], gone: [] },
        { kind: 'trouble', of: 'events', text: 'you may not list events' },
      ],
      0,
    );
    const cluster = { context: 'dev', namespace: 'panelet', version: '0.1.0' };
    const after = fleetAfter(
      awaitEverything(before),
      [
        { kind: 'cluster', cluster },
        { kind: 'targets', targets: [] },
      ],
      0,
    );
    expect([after.pods.size, after.restarts.size, after.troubles.size]).toEqual([0, 0, 0]);
  });

  test('keeps the newest events, each once', () => {
    const many = Array.from({ length: 300 }, (_, number) => sampleEvent(number));
    const fleet = fleetAfter(
      emptyFleet,
      [
        { kind: 'events', events: many },
        { kind: 'events', events: [sampleEvent(299, { count: 2 })] },
      ],
      0,
    );
    expect(fleet.events).toHaveLength(mostEvents);
    expect(fleet.events[0]).toMatchObject({ uid: 'event-299', count: 2 });
    expect(fleet.events[1]).toMatchObject({ uid: 'event-298' });
  });

  test('tells of a trouble until it is over', () => {
    const troubled = fleetAfter(emptyFleet, [{ kind: 'trouble', of: 'events', text: 'you may not list events' }], 0);
    expect(troubled.troubles.get('events')).toBe('you may not list events');
    expect(fleetAfter(troubled, [{ kind: 'trouble', of: 'events' }], 0).troubles.size).toBe(0);
  });

  test('remembers pods that arrived, and takes none for arrived that only left', () => {
    const lanes = [sampleLane(1), sampleLane(2), sampleLane(3, { stage: 'Failed' })];
    const before = fleetAfter(
      emptyFleet,
      [{ kind: 'restarts', changed: [sampleRestart('a', { lanes })], gone: [] }],
      0,
    );
    const counts = { total: 10, pending: 7, succeeded: 3, failed: 0, retiring: 0 };
    const after = fleetAfter(
      before,
      [{ kind: 'restarts', changed: [sampleRestart('a', { lanes: [sampleLane(2)], counts })], gone: [] }],
      70,
    );
    expect(after.arrived).toMatchObject([
      { restart: 'restart-a', atMs: 70, lane: { uid: 'pod-1', stage: 'Succeeded' } },
    ]);
    const aborted = fleetAfter(
      after,
      [{ kind: 'restarts', changed: [sampleRestart('a', { lanes: [], counts })], gone: [] }],
      90,
    );
    expect(aborted.arrived).toHaveLength(1);
  });

  test('forgets nodes that are no longer followed', () => {
    const fleet = fleetAfter(
      emptyFleet,
      [
        { kind: 'node', node: sampleNode(1) },
        { kind: 'node', node: sampleNode(2) },
      ],
      0,
    );
    expect([...withoutNodes(fleet, new Set(['node-2'])).nodes.keys()]).toEqual(['node-2']);
  });
});
