import { describe, expect, test } from '@jest/globals';
import type { BoardPod } from '../../wire/live.js';
import { sampleLane, sampleNode, samplePod, sampleRestart } from '#test/board/samples.js';
import { emptyFleet, fleetAfter } from './fleet.js';
import { chosenRows, nodeRows, versionOf, type NodeChoice } from './node-rows.js';

const fleetOf = (...pods: BoardPod[]) => fleetAfter(emptyFleet, [{ kind: 'pods', changed: pods, gone: [] }], 0);
const host = (number: number, changes: Partial<BoardPod> = {}) =>
  samplePod(number, { uid: `host-${number}`, component: 'host', owner: 'panelet-host', ...changes });
const all: NodeChoice = { text: '', state: 'all', sort: 'node', isDescending: false };

describe('rows of nodes', () => {
  test.each<[string, BoardPod[]]>([
    ['Ready', [samplePod(1), host(1)]],
    ['Not ready', [samplePod(1, { ready: false })]],
    ['Not ready', [samplePod(1), host(1, { ready: false })]],
    ['Retiring', [samplePod(1), host(1), host(1, { uid: 'old', retiring: true, ready: false })]],
    ['No agent', [host(1)]],
    ['Ready', [samplePod(1, { ready: false }), samplePod(1, { uid: 'warm' })]],
  ])('are %s', (state, pods) => {
    expect(nodeRows(fleetOf(...pods))).toMatchObject([{ node: 'node-1', state }]);
  });

  test('say where a pod is on its lane while the restart is under way', () => {
    const fleet = fleetOf(samplePod(3));
    const during = fleetAfter(fleet, [{ kind: 'restarts', changed: [sampleRestart('a')], gone: [] }], 0);
    expect(nodeRows(during)).toMatchObject([{ state: 'Restarting', stage: 'Draining' }]);
    const over = sampleRestart('a', { finishedAt: '2026-01-31T13:00:00Z', lanes: [sampleLane(3)] });
    const after = fleetAfter(during, [{ kind: 'restarts', changed: [over], gone: [] }], 0);
    expect(nodeRows(after)).toMatchObject([{ state: 'Ready', stage: null }]);
  });

  test('have the gate and the sessions of nodes that are followed, and nothing of others', () => {
    const fleet = fleetAfter(fleetOf(samplePod(1), samplePod(2)), [{ kind: 'node', node: sampleNode(1) }], 0);
    expect(nodeRows(fleet)).toMatchObject([
      { gate: 'SERVING', sessions: 1 },
      { gate: null, sessions: null },
    ]);
  });

  test('leave out controllers, and pods without a node', () => {
    expect(nodeRows(fleetOf(samplePod(1, { component: 'controller' }), samplePod(2, { node: '' })))).toEqual([]);
  });

  test('are found by any word, in any column, and kept by state', () => {
    const rows = nodeRows(fleetOf(samplePod(1), samplePod(12, { ready: false }), samplePod(2, { image: 'p:0.2.0' })));
    const names = (choice: Partial<NodeChoice>) => chosenRows(rows, { ...all, ...choice }).map(({ node }) => node);
    expect(names({})).toEqual(['node-1', 'node-2', 'node-12']);
    expect(names({ text: ' NODE-1 ' })).toEqual(['node-1', 'node-12']);
    expect(names({ text: 'not 12' })).toEqual(['node-12']);
    expect(names({ text: '0.2' })).toEqual(['node-2']);
    expect(names({ state: 'Ready' })).toEqual(['node-1', 'node-2']);
    expect(names({ sort: 'state' })).toEqual(['node-12', 'node-1', 'node-2']);
    expect(names({ sort: 'version', isDescending: true })).toEqual(['node-2', 'node-1', 'node-12']);
  });

  test.each([
    ['registry.example:5000/panelet:0.1.0', '0.1.0'],
    ['panelet:0.1.0@sha256:0123456789abcdef', '0.1.0'],
    ['panelet@sha256:0123456789abcdef', '0123456789ab'],
    ['registry.example:5000/panelet', 'latest'],
    ['', ''],
  ])('the version of %s is %s', (image, version) => {
    expect(versionOf(image)).toBe(version);
  });
});
