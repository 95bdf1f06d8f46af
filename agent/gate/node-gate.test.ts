import { EventEmitter } from 'node:events';
import { status as grpcStatus } from '@grpc/grpc-js';
import { describe, expect, test } from '@jest/globals';
import { createChanges } from '#common/changes.js';
import { createSilentLog } from '#common/log.js';
import { createFakeClock } from '#common/time/clock.js';
import { msToTimestamp } from '#common/time/timestamp.js';
import {
  CordonRequest,
  DrainRequest,
  GateStatus,
  RetireRequest,
  State,
  Target,
  UncordonRequest,
} from '#proto/gate/v1/gate.js';
import { settle } from '#test/support/settle.js';
import type { NodeWorker } from '../workers/node-worker.js';
import { createCordons } from './cordons.js';
import { createFencing } from './fencing.js';
import { createNodeGate } from './node-gate.js';
import { createPodCordons } from './pod-cordons.js';

type Answer = (error: object | null, response?: object) => void;

/** A host of a pod, with what it was told. */
interface Host {
  readonly worker: NodeWorker;
  readonly told: { readonly call: string; readonly retireAt?: unknown }[];
  link: 'up' | 'absent';
  knowsRetiring: boolean;
  state(): State;
}

function hostOf(podUid: string): Host {
  const told: Host['told'] = [];
  let status = GateStatus.fromPartial({ state: State.SERVING, sessions: 1 });
  const answer =
    (call: string, change: (request: never) => Partial<GateStatus>) =>
    (request: never, _metadata: unknown, _options: unknown, done: Answer) => {
      told.push({ call, ...(call === 'retire' ? { retireAt: (request as RetireRequest).retireAt } : {}) });
      if (call === 'retire' && !host.knowsRetiring) done({ code: grpcStatus.UNIMPLEMENTED, details: '' });
      else {
        status = { ...status, ...change(request) };
        queueMicrotask(() => done(null, { status }));
      }
      return { cancel: () => undefined };
    };
  const gate = {
    cordon: answer('cordon', ({ command }: { command: { restartUid: string } }) => ({
      state: State.CORDONED,
      restartUid: command.restartUid,
    })),
    uncordon: answer('uncordon', () => ({ state: State.SERVING, restartUid: '' })),
    retire: answer('retire', () => ({ state: State.CORDONED, retiring: true })),
    getReceipt: answer('getReceipt', () => ({})),
    drain: () => {
      told.push({ call: 'drain' });
      return Object.assign(new EventEmitter(), { cancel: () => undefined });
    },
  };
  const about = { instance: `host-${podUid}`, pid: 1 };
  const worker = {
    panel: { name: 'terminal', target: 'host', run: 'external' },
    number: 1,
    podUid,
    stage: 'beside',
    link: { state: () => (host.link === 'up' ? { kind: 'up', about, status, clients: { gate } } : { kind: 'absent' }) },
    supervisor: undefined,
    leaving: false,
    successor: undefined,
  } as unknown as NodeWorker;
  const host: Host = { worker, told, link: 'up', knowsRetiring: true, state: () => status.state };
  return host;
}

function nodeOf(...uids: string[]) {
  const clock = createFakeClock();
  const hosts = new Map(uids.map((uid) => [uid, hostOf(uid)]));
  const changes = createChanges();
  const all = (): NodeWorker[] => [...hosts.values()].map(({ worker }) => worker);
  const podCordons = createPodCordons(clock, () => undefined);
  const gate = createNodeGate({
    clock,
    log: createSilentLog(),
    names: { instance: 'agent-1', node: 'n', podUid: 'agent', version: '' },
    nodeWorkers: { changes, workers: all, hostsOf: (uid: string) => all().filter((worker) => worker.podUid === uid) },
    cordons: createCordons(clock, () => undefined),
    podCordons,
    fencing: createFencing({ stored: 0, read: () => Promise.resolve(undefined), save: () => Promise.resolve() }),
    restartRequired: () => false,
  });
  const told = (): Record<string, string[]> =>
    Object.fromEntries([...hosts].map(([uid, host]) => [uid, host.told.map(({ call }) => call)]));
  return { clock, gate, hosts, podCordons, changes, told };
}

const commandOf = (restartUid: string, fencing = 1) => ({ restartUid, fencing, generation: 1 });
const about = (podUid: string | undefined, restartUid = 'r', fencing = 1) => ({
  command: commandOf(restartUid, fencing),
  target: Target.HOST,
  ...(podUid === undefined ? {} : { podUid }),
});
const cordon = (podUid: string | undefined, restartUid = 'r') => CordonRequest.fromPartial(about(podUid, restartUid));
const retire = (podUid: string, more: object = {}) => RetireRequest.fromPartial({ ...about(podUid), ...more });

describe('a command to the gate of a node', () => {
  test('that names a pod is about the hosts of that pod alone, also in what it answers', async () => {
    const { gate, told } = nodeOf('a', 'b');
    const { status } = await gate.cordon(cordon('a'), 'controller');
    expect(status).toMatchObject({ state: State.CORDONED, restartUid: 'r', sessions: 1 });
    expect(told()).toEqual({ a: ['cordon'], b: [] });
    expect(gate.status({ podUid: 'b' })).toMatchObject({ state: State.SERVING, restartUid: '' });
    // Another restart may have the other pod at the same time.
    await gate.cordon(cordon('b', 'other'), 'controller');
    expect(gate.status({ podUid: 'a' }).restartUid).toBe('r');
    await gate.uncordon(UncordonRequest.fromPartial(about('a')), 'controller');
    expect(told()).toEqual({ a: ['cordon', 'uncordon'], b: ['cordon'] });
  });

  test.each([undefined, ''])('that names no pod (%j) is about the hosts of all', async (podUid) => {
    const { gate, told } = nodeOf('a', 'b');
    await gate.cordon(cordon(podUid), 'controller');
    expect(told()).toEqual({ a: ['cordon'], b: ['cordon'] });
  });

  test('is refused for a pod that is not here, and for agents of a pod', () => {
    const { gate, told } = nodeOf('a');
    expect(() => gate.cordon(cordon('c'), 'controller')).toThrow(expect.objectContaining({ code: 'POD_UNKNOWN' }));
    const ofAgents = CordonRequest.fromPartial({ ...about('a'), target: Target.AGENT });
    expect(() => gate.cordon(ofAgents, 'controller')).toThrow(expect.objectContaining({ code: 'GATE_REFUSED' }));
    expect(told()).toEqual({ a: [] });
  });

  test('asks for the receipt of a pod also when its hosts have ended since the drain, as long as the cordon lasts', async () => {
    const { clock, gate, hosts } = nodeOf('a', 'b');
    const stop = new AbortController();
    const drain = DrainRequest.fromPartial({ ...about('a'), lease: { seconds: 60, nanos: 0 } });
    const watcher = { emit: () => undefined, signal: stop.signal };
    const drained = gate.drain(drain, 'controller', watcher).catch(() => undefined);
    await settle(5);
    hosts.delete('a');
    const { receipt } = await gate.receipt({ restartUid: 'r', podUid: 'a' });
    expect(receipt).toMatchObject({ restartUid: 'r', podUid: 'a', instance: 'agent-1', target: Target.HOST });
    expect(gate.status({ podUid: 'a' })).toMatchObject({ state: State.CLOSED, restartUid: 'r', workers: [] });
    clock.advance(60_000);
    expect(() => gate.receipt({ restartUid: 'r', podUid: 'a' })).toThrow(
      expect.objectContaining({ code: 'POD_UNKNOWN' }),
    );
    stop.abort(new Error('enough'));
    await drained;
  });

  test('remembers pods that have gone no longer than sixteen others have after them', async () => {
    const uids = Array.from({ length: 18 }, (_, index) => `p${index}`);
    const { gate, hosts, podCordons, clock } = nodeOf(...uids, 'last');
    for (const uid of uids) {
      await gate.cordon(
        CordonRequest.fromPartial({ ...about(uid), lease: { seconds: 3_600, nanos: 0 } }),
        'controller',
      );
      hosts.delete(uid);
    }
    await gate.cordon(cordon('last'), 'controller');
    expect(uids.filter((uid) => podCordons.of(uid).get(Target.HOST) === undefined)).toEqual(['p0', 'p1']);
    gate.close();
    podCordons.close();
    expect(clock.pending()).toBe(0);
  });
});

describe('a pod that is to retire', () => {
  test('is told alone, until when, and says so', async () => {
    const { gate, hosts, told } = nodeOf('a', 'b');
    const retireAt = msToTimestamp(1_700_000_000_000);
    const { status } = await gate.retire(retire('a', { retireAt }), 'controller');
    expect(status).toMatchObject({ state: State.CORDONED, retiring: true });
    expect(told()).toEqual({ a: ['retire'], b: [] });
    expect(hosts.get('a')?.told).toEqual([{ call: 'retire', retireAt }]);
  });

  test('has to be named, and is not told by an older leader', async () => {
    const { gate, told } = nodeOf('a');
    await expect(gate.retire(retire(''), 'controller')).rejects.toMatchObject({ code: 'GATE_REFUSED' });
    await expect(gate.retire(retire('c'), 'controller')).rejects.toMatchObject({ code: 'POD_UNKNOWN' });
    await gate.cordon(CordonRequest.fromPartial(about('a', 'r', 7)), 'controller');
    await expect(gate.retire(retire('a'), 'controller')).rejects.toMatchObject({ code: 'GATE_REFUSED' });
    expect(told()).toEqual({ a: ['cordon'] });
  });

  test('has not retired where a host of it is not running, or knows of no retiring', async () => {
    const { gate, hosts, told } = nodeOf('a', 'b');
    const [a, b] = [hosts.get('a'), hosts.get('b')] as [Host, Host];
    a.link = 'absent';
    await expect(gate.retire(retire('a'), 'controller')).rejects.toMatchObject({ code: 'WORKER_UNAVAILABLE' });
    b.knowsRetiring = false;
    await expect(gate.retire(retire('b'), 'controller')).rejects.toMatchObject({ code: 'VERSION_UNSUPPORTED' });
    expect(told()).toEqual({ a: [], b: ['retire'] });
  });
});
