import { beforeEach, describe, expect, test } from '@jest/globals';
import { PaneletError } from '#common/errors/errors.js';
import { createSeededRandom } from '#common/random.js';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { settle } from '#test/support/settle.js';
import type { Kubectl } from '../../cli/cluster/kubectl.js';
import { followList, type ListedObject } from './follow-list.js';

interface Named extends ListedObject {
  readonly state: string;
}

const object = (uid: string, state: string): Named => ({ metadata: { uid }, state });

/** An API server behind kubectl, as far as lists and watches go. */
class ListedApi implements Pick<Kubectl, 'run' | 'lines'> {
  readonly asked: string[] = [];
  /** Pages of each list. */
  pages: readonly (readonly Named[])[] = [[]];
  failure: PaneletError | undefined;
  #push: (line: string | undefined) => void = () => undefined;

  run(args: readonly string[]): Promise<string> {
    const address = args.at(-1) ?? '';
    this.asked.push(address);
    if (this.failure !== undefined) return Promise.reject(this.failure);
    const page = Number(new URLSearchParams(address.split('?')[1]).get('continue') ?? 0);
    const next = page + 1 < this.pages.length ? { continue: String(page + 1) } : {};
    return Promise.resolve(JSON.stringify({ metadata: { resourceVersion: '7', ...next }, items: this.pages[page] }));
  }

  async *lines(args: readonly string[]): AsyncGenerator<string, void, undefined> {
    this.asked.push(args.at(-1) ?? '');
    const lines: (string | undefined)[] = [];
    let wake: () => void = () => undefined;
    this.#push = (line) => {
      lines.push(line);
      wake();
    };
    for (;;) {
      while (lines.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      const line = lines.shift();
      if (line === undefined) return;
      yield line;
    }
  }

  say(type: string, changed: object): void {
    this.#push(JSON.stringify({ type, object: changed }));
  }

  endWatch(): void {
    this.#push(undefined);
  }
}

describe('a list that is followed', () => {
  let clock: FakeClock;
  let api: ListedApi;
  let stop: AbortController;
  let known: Map<string, string>;
  let troubles: (string | undefined)[];

  beforeEach(() => {
    clock = createFakeClock();
    api = new ListedApi();
    stop = new AbortController();
    known = new Map();
    troubles = [];
  });

  async function start(): Promise<void> {
    const kubectl: Kubectl = {
      run: (args) => api.run(args),
      lines: (args) => api.lines(args),
      start: () => {
        throw new Error('It starts nothing.');
      },
    };
    const deps = { kubectl, clock, random: createSeededRandom(1), signal: stop.signal };
    void followList<Named>(
      deps,
      { path: '/api/v1/things', query: { labelSelector: 'a' } },
      {
        listed: (all) => (known = new Map(all.map((one) => [one.metadata.uid, one.state]))),
        changed: (one) => known.set(one.metadata.uid, one.state),
        gone: (uid) => known.delete(uid),
        trouble: (text) => troubles.push(text),
      },
    );
    await settle();
  }

  test('is read page by page, and watched from there', async () => {
    api.pages = [[object('a', '1')], [object('b', '1')]];
    await start();
    expect(api.asked).toEqual([
      '/api/v1/things?labelSelector=a&limit=500',
      '/api/v1/things?labelSelector=a&limit=500&continue=1',
      '/api/v1/things?labelSelector=a&watch=true&resourceVersion=7',
    ]);
    api.say('MODIFIED', object('a', '2'));
    api.say('ADDED', object('c', '1'));
    api.say('DELETED', object('b', '1'));
    api.say('BOOKMARK', { metadata: {} });
    await settle();
    expect([...known]).toEqual([
      ['a', '2'],
      ['c', '1'],
    ]);
    expect(troubles).toEqual([undefined]);
  });

  test.each([
    ['ends', (): void => api.endWatch()],
    ['is of what is too old', (): void => api.say('ERROR', { kind: 'Status', code: 410 })],
  ])('is begun anew from a list when its watch %s: what has gone meanwhile goes', async (_how, end) => {
    api.pages = [[object('a', '1'), object('b', '1')]];
    await start();
    api.pages = [[object('b', '2')]];
    end();
    await settle();
    clock.advance(1_000);
    await settle();
    expect([...known]).toEqual([['b', '2']]);
    expect(api.asked).toHaveLength(4);
  });

  test('that may not be read is said, tried later and later, and read once it may', async () => {
    api.failure = new PaneletError('IDENTITY_REFUSED', 'You may not.');
    await start();
    expect(troubles).toEqual(['You may not.']);
    for (let second = 0; second < 600; second++) {
      clock.advance(1_000);
      await settle(2);
    }
    // Every 15 s on average, once the delay has grown.
    expect(api.asked.length).toBeGreaterThan(15);
    expect(api.asked.length).toBeLessThan(120);
    api.failure = undefined;
    api.pages = [[object('a', '1')]];
    clock.advance(30_000);
    await settle();
    expect(troubles.at(-1)).toBeUndefined();
    expect([...known]).toEqual([['a', '1']]);
  });

  test.each([
    ['ends at once', (): void => api.endWatch()],
    ['is always of what is too old', (): void => api.say('ERROR', { kind: 'Status', code: 410 })],
  ])('whose watch %s is asked for later and later, and at once after a watch that lasted', async (_how, end) => {
    await start();
    for (let second = 0; second < 600; second++) {
      end();
      await settle(2);
      clock.advance(1_000);
      await settle(2);
    }
    // A list and a watch every 15 s on average.
    expect(api.asked.length).toBeGreaterThan(30);
    expect(api.asked.length).toBeLessThan(240);
    clock.advance(30_000);
    await settle();
    const before = api.asked.length;
    clock.advance(60_000);
    end();
    await settle();
    clock.advance(1_000);
    await settle();
    expect(api.asked.length).toBe(before + 2);
  });

  test('is no trouble when the board is stopped', async () => {
    api.failure = new PaneletError('TIMEOUT', 'Interrupted.');
    stop.abort();
    await start();
    expect(troubles).toEqual([]);
    expect(clock.pending()).toBe(0);
  });
});
