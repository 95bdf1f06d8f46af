import { describe, expect, test } from '@jest/globals';
import { unsettled, type Fleet } from './fleet.js';

const node = { name: 'a', ready: true, unschedulable: false };
const agent = { name: 'agent-1', component: 'agent', ready: true, claimed: false } as const;
const calm: Fleet = {
  nodes: [node],
  pods: [
    agent,
    { ...agent, name: 'host-1', component: 'host' },
    { ...agent, name: 'controller-1', component: 'controller' },
    { ...agent, name: 'controller-2', component: 'controller' },
  ],
  restarts: [{ name: 'r', finished: true, finalizers: 0 }],
  panels: [{ node: 'a', panel: 'echo', serving: true }],
};

describe('a fleet after the last fault', () => {
  test('is settled when everything is as before', () => {
    expect(unsettled(calm)).toEqual([]);
  });

  test('is not while a node is away or cordoned', () => {
    expect(unsettled({ ...calm, nodes: [{ ...node, ready: false }] })).toEqual(['node a is not ready']);
    expect(unsettled({ ...calm, nodes: [{ ...node, unschedulable: true }] })).toEqual(['node a is cordoned']);
  });

  test('is not while a pod is missing, not ready or claimed', () => {
    expect(unsettled({ ...calm, pods: calm.pods.slice(1) })).toEqual(['0 of 1 pods of component agent are ready']);
    expect(unsettled({ ...calm, pods: [...calm.pods, { ...agent, name: 'old', ready: false }] })).toEqual([
      'pod old is not ready',
    ]);
    const claimed = [{ ...agent, claimed: true }, ...calm.pods.slice(1)];
    expect(unsettled({ ...calm, pods: claimed })).toEqual(['pod agent-1 is claimed']);
  });

  test('is not while a restart runs or holds on to its finalizer', () => {
    const running = [{ name: 'r', finished: false, finalizers: 1 }];
    expect(unsettled({ ...calm, restarts: running })).toEqual(['restart r is still running']);
    const held = [{ name: 'r', finished: true, finalizers: 1 }];
    expect(unsettled({ ...calm, restarts: held })).toEqual(['restart r is finished and has a finalizer']);
  });

  test('is not while a panel refuses or an agent does not answer', () => {
    const refusing = [{ node: 'a', panel: 'echo', serving: false }];
    expect(unsettled({ ...calm, panels: refusing })).toEqual(['panel echo of a does not serve']);
    expect(unsettled({ ...calm, panels: [] })).toEqual(['the agent of a does not list panels']);
  });
});
