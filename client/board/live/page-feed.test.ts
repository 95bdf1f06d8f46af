import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import type { BoardEvent, BoardNode, BoardPod, BoardRestart, LiveMessage, TroubleSource } from '../wire/live.js';
import { BoardState } from './board-state.js';
import { mergeEvents } from '../wire/merge-events.js';
import { startPageFeed, type FeedPage, type PageFeed } from './page-feed.js';

const cluster = { context: 'c', namespace: 'n', version: '0' };
const pod = (uid: string, state: string): BoardPod => ({
  ...{ uid, name: uid, node: '', component: 'agent', owner: '', state, ready: true, retiring: false, image: '' },
  createdAt: '',
});
const restart = (uid: string, phase: string): BoardRestart => ({
  ...{ uid, name: uid, target: '', phase, reason: '', paused: false, aborting: false, createdAt: '', startedAt: '' },
  ...{ finishedAt: '', expectedAt: '', podsText: '', sessionsText: '', forced: 0, sentences: [], lanes: [] },
  counts: { total: 0, pending: 0, succeeded: 0, failed: 0, retiring: 0 },
});
const event = (uid: string, at: string): BoardEvent => ({
  ...{ uid, type: 'Normal', reason: '', text: '', about: '', at, count: 1 },
});
const node = (name: string, version: string): BoardNode => ({
  ...{ node: name, version, gate: null, panels: [], sessions: [] },
});

/** A page that does with messages what they say, and reads when it is told to. */
class Page implements FeedPage {
  readonly pods = new Map<string, BoardPod>();
  readonly restarts = new Map<string, BoardRestart>();
  readonly nodes = new Map<string, BoardNode>();
  readonly troubles = new Map<TroubleSource, string>();
  events: readonly BoardEvent[] = [];
  targets: unknown;
  cluster: unknown;
  unread: LiveMessage[] = [];
  mostUnread = 0;
  messages = 0;

  send(message: LiveMessage): void {
    this.messages += 1;
    this.unread.push(message);
    this.mostUnread = Math.max(this.mostUnread, this.unread.length);
  }

  get backlogBytes(): number {
    return this.unread.length * 100 * 1024;
  }

  read(): void {
    for (const message of this.unread.splice(0)) this.#take(message);
  }

  #take(message: LiveMessage): void {
    switch (message.kind) {
      case 'cluster':
        this.cluster = message.cluster;
        break;
      case 'pods':
        for (const one of message.changed) this.pods.set(one.uid, one);
        for (const uid of message.gone) this.pods.delete(uid);
        break;
      case 'restarts':
        for (const one of message.changed) this.restarts.set(one.uid, one);
        for (const uid of message.gone) this.restarts.delete(uid);
        break;
      case 'targets':
        this.targets = message.targets;
        break;
      case 'events':
        this.events = mergeEvents(this.events, message.events);
        break;
      case 'node':
        this.nodes.set(message.node.node, message.node);
        break;
      case 'trouble':
        if (message.text === undefined) this.troubles.delete(message.of);
        else this.troubles.set(message.of, message.text);
        break;
    }
  }
}

function settle(clock: FakeClock, pages: readonly Page[]): void {
  for (let round = 0; round < 200; round++) {
    for (const page of pages) page.read();
    clock.advance(100);
  }
}

describe('a page', () => {
  test('is told everything at first', () => {
    const clock = createFakeClock();
    const state = new BoardState(cluster);
    state.setPod(pod('p', 'Running'));
    state.setTrouble('events', 'forbidden');
    const page = new Page();
    const feed = startPageFeed(state, page, clock);
    settle(clock, [page]);
    feed.stop();
    expect(page.cluster).toEqual(cluster);
    expect([...page.pods.keys()]).toEqual(['p']);
    expect(page.troubles.get('events')).toBe('forbidden');
    expect(clock.pending()).toBe(0);
  });

  test('is told ten times a second at most, however often things change', () => {
    const clock = createFakeClock();
    const state = new BoardState(cluster);
    const page = new Page();
    const feed = startPageFeed(state, page, clock);
    page.read();
    clock.advance(100);
    page.messages = 0;
    for (let ms = 0; ms < 1000; ms++) {
      state.setPod(pod('p', String(ms)));
      clock.advance(1);
      page.read();
    }
    expect(page.messages).toBeLessThanOrEqual(11);
    clock.advance(100);
    page.read();
    expect(page.pods.get('p')?.state).toBe('999');
    feed.stop();
  });

  test('that does not read is sent no more than it may have unread, and nothing that came and went', () => {
    const clock = createFakeClock();
    const state = new BoardState(cluster);
    const page = new Page();
    const feed = startPageFeed(state, page, clock);
    for (let at = 0; at < 10_000; at++) {
      state.setPod(pod(`p${at}`, 'Running'));
      if (at % 100 === 0) clock.advance(100);
      state.removePod(`p${at}`);
    }
    expect(page.mostUnread).toBeLessThanOrEqual(4);
    page.messages = 0;
    settle(clock, [page]);
    expect(page.messages).toBeLessThanOrEqual(2);
    expect(page.pods.size).toBe(0);
    feed.stop();
  });

  test('is told of the nodes that it shows, also of what was known before', () => {
    const clock = createFakeClock();
    const state = new BoardState(cluster);
    state.setNode(node('a', '1'));
    state.setNode(node('b', '1'));
    const page = new Page();
    const feed = startPageFeed(state, page, clock);
    settle(clock, [page]);
    expect(page.nodes.size).toBe(0);
    feed.show(['a']);
    settle(clock, [page]);
    state.setNode(node('a', '2'));
    state.setNode(node('b', '2'));
    settle(clock, [page]);
    expect([...page.nodes.values()]).toEqual([node('a', '2')]);
    feed.stop();
  });
});

test('every page has what the server has, after changes of all kinds in any order, reads, silences and connections anew', () => {
  const uid = fc.constantFrom('a', 'b', 'c', 'd');
  const word = fc.constantFrom('x', 'y', 'z');
  const source = fc.constantFrom<TroubleSource>('pods', 'restarts', 'events', 'targets');
  const change = fc.oneof(
    fc.tuple(uid, word).map(
      ([id, state]) =>
        (board: BoardState) =>
          board.setPod(pod(id, state)),
    ),
    uid.map((id) => (board: BoardState) => board.removePod(id)),
    fc
      .uniqueArray(uid)
      .chain((ids) => word.map((state) => (board: BoardState) => board.listPods(ids.map((id) => pod(id, state))))),
    fc.tuple(uid, word).map(
      ([id, phase]) =>
        (board: BoardState) =>
          board.setRestart(restart(id, phase)),
    ),
    uid.map((id) => (board: BoardState) => board.removeRestart(id)),
    fc.uniqueArray(uid).map((ids) => (board: BoardState) => board.listRestarts(ids.map((id) => restart(id, 'l')))),
    fc.tuple(fc.nat(300), fc.nat(9)).map(
      ([id, at]) =>
        (board: BoardState) =>
          board.addEvents([event(`e${id}`, String(at))]),
    ),
    fc.tuple(uid, word).map(
      ([id, version]) =>
        (board: BoardState) =>
          board.setNode(node(id, version)),
    ),
    fc
      .uniqueArray(uid)
      .map((ids) => (board: BoardState) => board.setTargets(ids.map((name) => ({ name, component: 'other' })))),
    fc.tuple(source, fc.option(word, { nil: undefined })).map(
      ([of, text]) =>
        (board: BoardState) =>
          board.setTrouble(of, text),
    ),
  );
  type Step =
    | { readonly kind: 'change'; readonly run: (board: BoardState) => void }
    | { readonly kind: 'read' | 'reconnect'; readonly page: number }
    | { readonly kind: 'wait'; readonly ms: number };
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 6, arbitrary: change.map((run): Step => ({ kind: 'change', run })) },
    { weight: 1, arbitrary: fc.nat(1).map((page): Step => ({ kind: 'read', page })) },
    { weight: 1, arbitrary: fc.nat(1).map((page): Step => ({ kind: 'reconnect', page })) },
    { weight: 2, arbitrary: fc.nat(150).map((ms): Step => ({ kind: 'wait', ms })) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const clock = createFakeClock();
      const state = new BoardState(cluster);
      const connect = (): { page: Page; feed: PageFeed } => {
        const page = new Page();
        const feed = startPageFeed(state, page, clock);
        feed.show(['a', 'b']);
        return { page, feed };
      };
      const pages = [connect(), connect()];
      for (const one of steps) {
        if (one.kind === 'change') one.run(state);
        else if (one.kind === 'wait') clock.advance(one.ms);
        else if (one.kind === 'read') pages[one.page]?.page.read();
        else {
          pages[one.page]?.feed.stop();
          pages[one.page] = connect();
        }
      }
      settle(
        clock,
        pages.map(({ page }) => page),
      );
      for (const { page, feed } of pages) {
        expect(page.pods).toEqual(state.pods);
        expect(page.restarts).toEqual(state.restarts);
        expect(page.targets).toEqual(state.targets);
        expect(page.troubles).toEqual(state.troubles);
        expect(page.events).toEqual(state.events);
        const shown = [...state.nodes.values()].filter(({ node: name }) => name === 'a' || name === 'b');
        expect(new Map(shown.map((one) => [one.node, one]))).toEqual(page.nodes);
        expect(page.mostUnread).toBeLessThanOrEqual(4);
        feed.stop();
      }
      expect(clock.pending()).toBe(0);
    }),
    { numRuns: 200 },
  );
});
