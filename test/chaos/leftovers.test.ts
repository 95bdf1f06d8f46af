import { describe, expect, test } from '@jest/globals';
import { leftoversOf, type Machine } from './leftovers.js';

const uid = '0a1b2c3d-1111-2222-3333-444455556666';
const worker = 'node /usr/local/bin/panelet-worker --panel=echo --socket=/run/panelet/workers/echo.sock';
const cgroup = `1:pids:/panelet0-node1/kubepods/burstable/pod${uid}/c`;

function leftovers(change: Partial<Machine>): string[] {
  const machine: Machine = {
    processes: [{ pid: 5, command: worker, cgroup }],
    livePods: new Set([uid]),
    openPorts: [],
    ...change,
  };
  return leftoversOf(machine).map(({ evidence }) => evidence);
}

describe('the machine after everything', () => {
  test('may have the processes of pods that live, and everybody else’s', () => {
    expect(leftovers({})).toEqual([]);
    expect(leftovers({ processes: [{ pid: 1, command: 'panelet-worker --socket=/tmp/x', cgroup: '/' }] })).toEqual([]);
  });

  test('must not have a process of a pod that is gone, whatever it is', () => {
    expect(leftovers({ livePods: new Set() })).toEqual([`process 5 of pod ${uid}, which is gone: ${worker}`]);
    expect(leftovers({ processes: [{ pid: 6, command: '/bin/sh -c x', cgroup }], livePods: new Set() })).toHaveLength(
      1,
    );
  });

  test('must not have one that has left its pod', () => {
    expect(leftovers({ processes: [{ pid: 7, command: worker, cgroup: '/' }] })).toEqual([
      `process 7 of no pod: ${worker}`,
    ]);
  });

  test('must not have a port of a pod that is gone', () => {
    expect(leftovers({ openPorts: ['10.244.1.9:7443'] })).toEqual(['10.244.1.9:7443 still answers']);
  });
});
