import { describe, expect, test } from '@jest/globals';
import { createSilentLog } from '#common/log.js';
import { GateStatus, State } from '#proto/gate/v1/gate.js';
import { HostPods } from './host-pods.js';
import type { NodeWorker } from './node-worker.js';

type Link = 'absent' | 'unknown' | 'serving' | 'cordoned' | 'retiring';

/** A host whose connection is what the test says it is. */
interface Host {
  readonly worker: NodeWorker;
  link: Link;
  asked: boolean;
  kicks: number;
}

const statuses: Readonly<Record<'serving' | 'cordoned' | 'retiring', GateStatus>> = {
  serving: GateStatus.fromPartial({ state: State.SERVING }),
  cordoned: GateStatus.fromPartial({ state: State.CORDONED, restartUid: 'r' }),
  retiring: GateStatus.fromPartial({ state: State.CORDONED, retiring: true }),
};

function hostOf(number: number, podUid: string, link: Link): Host {
  const host: Host = { worker: undefined as unknown as NodeWorker, link, asked: false, kicks: 0 };
  const state = (): object => {
    if (host.link === 'absent') return { kind: 'absent' };
    if (host.link === 'unknown') return { kind: 'unknown', message: '' };
    return { kind: 'up', status: statuses[host.link], about: { instance: `i-${number}` }, clients: {} };
  };
  const worker = {
    panel: { name: 'terminal', target: 'host' },
    number,
    podUid,
    stage: 'undecided',
    link: { state, asked: () => host.asked, kick: () => (host.kicks += 1) },
  } as unknown as NodeWorker;
  return Object.assign(host, { worker });
}

/** The hosts of one panel; `base` is that of no pod. */
function hostsOf(baseLink: Link = 'absent') {
  const base = hostOf(1, '', baseLink);
  const made: Host[] = [];
  const closed: string[] = [];
  const pods = new HostPods({
    log: createSilentLog(),
    create: (_panel, number, { uid }) => {
      const host = hostOf(number, uid, 'unknown');
      made.push(host);
      return host.worker;
    },
    close: ({ podUid }) => closed.push(podUid),
  });
  pods.add(base.worker);
  const sockets = new Map<string, string>();
  const come = (uid: string, link: Link): Host => {
    sockets.set(`/nonexistent/host/terminal/${uid}/w.sock`, 'terminal');
    pods.found(sockets, false);
    const host = made.find(({ worker }) => worker.podUid === uid);
    if (host === undefined) throw new Error(`Nobody made ${uid}.`);
    host.link = link;
    return host;
  };
  const stages = (): Record<string, string> => {
    pods.rank('terminal');
    return Object.fromEntries([base, ...made].map(({ worker }) => [worker.podUid, worker.stage]));
  };
  const go = (uid: string): void => {
    sockets.delete(`/nonexistent/host/terminal/${uid}/w.sock`);
    pods.found(sockets, false);
  };
  return { pods, base, made, closed, sockets, come, go, stages };
}

describe('the hosts of pods', () => {
  test('are taken up once each, numbered as they come, and given up when socket and worker are gone', () => {
    const { pods, come, go, made, closed } = hostsOf();
    come('a', 'serving');
    const b = come('b', 'serving');
    expect(made.map(({ worker }) => [worker.podUid, worker.number])).toEqual([
      ['a', 2],
      ['b', 3],
    ]);
    go('b');
    expect([closed, pods.ofPod('b').length]).toEqual([[], 1]);
    b.link = 'absent';
    go('b');
    expect([closed, pods.ofPod('b')]).toEqual([['b'], []]);
    // A number is nobody else's.
    come('c', 'serving');
    expect(made.at(-1)?.worker.number).toBe(4);
  });

  test('are not taken up from sockets of another panel', () => {
    const { pods, made } = hostsOf();
    pods.found(new Map([['/nonexistent/host/desk/a/w.sock', 'desk']]), false);
    expect(made).toEqual([]);
    expect([pods.shown('desk'), pods.forget('desk')]).toEqual([undefined, []]);
  });

  test('are asked at once where one that is not up may be another one now', () => {
    const { pods, come, sockets } = hostsOf();
    const [up, down] = [come('a', 'serving'), come('b', 'absent')];
    pods.found(sockets, true);
    expect([up.kicks, down.kicks]).toEqual([0, 1]);
  });

  test('get what is new in the order in which they came, as long as they take it', () => {
    const { come, stages } = hostsOf();
    const a = come('a', 'serving');
    const b = come('b', 'serving');
    expect(stages()).toMatchObject({ a: 'newest', b: 'beside' });
    a.link = 'cordoned';
    expect(stages()).toMatchObject({ a: 'beside', b: 'newest' });
    // Put back, it gets them again; one that retires does not.
    a.link = 'serving';
    expect(stages()).toMatchObject({ a: 'newest', b: 'beside' });
    a.link = 'retiring';
    expect(stages()).toMatchObject({ a: 'retiring', b: 'newest' });
    b.link = 'absent';
    expect(stages()['a']).toBe('retiring');
  });

  test.each<[string, Link, Link, string]>([
    ['one that is cordoned before one that is not heard', 'cordoned', 'unknown', 'a'],
    ['one that is not heard before one that retires', 'retiring', 'unknown', 'b'],
    ['of two that are cordoned the last one', 'cordoned', 'cordoned', 'b'],
    ['of two that are away the last one', 'absent', 'absent', 'b'],
    ['of two that retire the last one', 'retiring', 'retiring', 'b'],
  ])('where none takes anything new: %s', (_what, first, second, chosen) => {
    const { come, stages } = hostsOf();
    come('a', first);
    come('b', second);
    const newest = Object.entries(stages()).filter(([, stage]) => stage === 'newest');
    expect(newest.map(([uid]) => uid)).toEqual([chosen]);
  });

  test('that retire are known to while they do not answer', () => {
    const { come, stages } = hostsOf();
    const a = come('a', 'retiring');
    come('b', 'serving');
    expect(stages()).toMatchObject({ a: 'retiring', b: 'newest' });
    a.link = 'unknown';
    expect(stages()).toMatchObject({ a: 'retiring', b: 'newest' });
  });

  test('are shown as far as they are there; where none is, the one that would get what is new', () => {
    const { pods, base, come, stages } = hostsOf();
    const uids = (): string[] | undefined => pods.shown('terminal')?.map(({ podUid }) => podUid);
    stages();
    expect(uids()).toEqual(['']);
    const a = come('a', 'absent');
    stages();
    expect(uids()).toEqual(['a']);
    a.link = 'serving';
    come('b', 'serving');
    stages();
    expect(uids()).toEqual(['a', 'b']);
    // That of no pod only once somebody has asked it, where there are others.
    base.link = 'unknown';
    expect(uids()).toEqual(['a', 'b']);
    base.asked = true;
    expect(uids()).toEqual(['', 'a', 'b']);
  });

  test('are all handed back when their panel is forgotten', () => {
    const { pods, come } = hostsOf();
    come('a', 'serving');
    come('b', 'retiring');
    expect(pods.forget('terminal').map(({ podUid }) => podUid)).toEqual(['a', 'b']);
    expect([pods.shown('terminal'), pods.ofPod('a')]).toEqual([undefined, []]);
  });
});
