import { connectivityState, Metadata, status } from '@grpc/grpc-js';
import { describe, expect, test } from '@jest/globals';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import { createAddressBook } from './address-book.js';
import type { ChannelLease, ChannelPool } from './channel-pool.js';
import type { AddressOptions } from './client-options.js';
import { dial } from './dial.js';

const query = { sessionId: 's', panel: 'p', node: '', attempt: 0 };

/** What becomes of one connection to an address: silence, or after some time a refusal, or a connection. */
type Fate = 'silence' | { readonly thereMs?: number; readonly refusedMs?: number };

const there = (thereMs = 0): Fate => ({ thereMs });
const refused = (refusedMs = 0): Fate => ({ refusedMs });

/** What becomes of the connections to an address, in order; the last goes for all that follow. */
type Fates = Readonly<Record<string, readonly Fate[]>>;

/** A connection of the fake network. */
class FakeChannel {
  state = connectivityState.CONNECTING;
  isRetired = false;
  readonly #watchers: (() => void)[] = [];

  constructor(
    readonly address: string,
    fate: Fate,
    clock: FakeClock,
  ) {
    if (fate === 'silence') return;
    const { thereMs, refusedMs } = fate;
    if (refusedMs !== undefined) clock.after(refusedMs, () => this.#become(connectivityState.TRANSIENT_FAILURE));
    if (thereMs !== undefined) clock.after(thereMs, () => this.#become(connectivityState.READY));
  }

  getConnectivityState(): connectivityState {
    return this.state;
  }

  watchConnectivityState(_state: connectivityState, _deadline: number, watcher: () => void): void {
    this.#watchers.push(watcher);
  }

  #become(state: connectivityState): void {
    this.state = state;
    for (const watcher of this.#watchers.splice(0)) watcher();
  }
}

/** A pool whose connections have the fates of their addresses. */
class FakePool implements ChannelPool {
  /** Connections that were begun: to where, and when. */
  readonly begun: (readonly [string, number])[] = [];
  /** Addresses of the shares that were not given back. */
  readonly held: string[] = [];
  readonly size = 0;
  readonly #fates: Fates;
  readonly #clock: FakeClock;
  readonly #channels: FakeChannel[] = [];

  constructor(fates: Fates, clock: FakeClock) {
    this.#fates = fates;
    this.#clock = clock;
  }

  lease(address: string): ChannelLease {
    const fates = this.#fates[address];
    if (fates === undefined) throw new PaneletError('CONFIG_INVALID', 'This is no address.');
    const channel = this.#channelTo(address, fates);
    this.held.push(address);
    const client = {
      getChannel: () => channel,
      makeUnaryRequest: (...args: readonly unknown[]) => {
        const answer = args.at(-1) as (error: Error) => void;
        const failure = { code: status.UNAVAILABLE, details: address, metadata: new Metadata() };
        answer(Object.assign(new Error(address), failure));
        return { cancel: () => undefined };
      },
    };
    const lease = {
      client,
      address,
      leadsTo: () => undefined,
      retire: () => (channel.isRetired = true),
      release: () => this.held.splice(this.held.indexOf(address), 1),
    };
    return lease as unknown as ChannelLease;
  }

  close(): void {
    // Nothing is open.
  }

  #channelTo(address: string, fates: readonly Fate[]): FakeChannel {
    const known = this.#channels.find((one) => one.address === address && !one.isRetired);
    if (known !== undefined) return known;
    const count = this.begun.filter(([to]) => to === address).length;
    this.begun.push([address, this.#clock.nowMs()]);
    const channel = new FakeChannel(address, fates[count] ?? fates.at(-1) ?? 'silence', this.#clock);
    this.#channels.push(channel);
    return channel;
  }
}

interface Dialled {
  /** The address that won, or the error. */
  readonly outcome: unknown;
  readonly afterMs: number;
  readonly begun: FakePool['begun'];
  readonly held: readonly string[];
}

async function dialled(
  fates: Fates,
  options: AddressOptions,
  { limitMs = 15_000, signal }: { readonly limitMs?: number; readonly signal?: AbortSignal } = {},
): Promise<Dialled> {
  const clock = createFakeClock();
  const pool = new FakePool(fates, clock);
  const ended: { afterMs: number; outcome?: unknown } = { afterMs: 0 };
  const end = (outcome: unknown): void => void Object.assign(ended, { outcome, afterMs: clock.nowMs() });
  const book = createAddressBook(options);
  const done = dial({ clock, pool, book, query, limitMs, ...(signal && { signal }) }).then(
    ({ address }) => end(address),
    end,
  );
  for (let turn = 0; turn < 1000 && !('outcome' in ended); turn++) {
    clock.advance(turn === 0 ? 0 : 25);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await done;
  expect(clock.pending()).toBe(0);
  return { afterMs: ended.afterMs, outcome: ended.outcome, begun: pool.begun, held: pool.held };
}

/** Answers a resolver gives, one after the other; the last goes for all that follow. */
function answering(...answers: readonly (string | readonly string[])[]) {
  const asked: number[] = [];
  const resolve = ({ attempt }: { readonly attempt: number }): string | readonly string[] => {
    asked.push(attempt);
    return answers[attempt] ?? answers.at(-1) ?? '';
  };
  return { asked, resolve };
}

const both = { addresses: { 'node-a': 'a:1', 'node-b': 'b:1' } };

describe('dialling several addresses', () => {
  test('gives each a head start of 250 ms, takes the first that is there, and gives the others back', async () => {
    const fates = { 'a:1': ['silence'], 'b:1': ['silence'], 'c:1': [there(100)], 'd:1': [there()] } as const;
    const addresses = { a: 'a:1', b: 'b:1', c: 'c:1', d: 'd:1' };
    expect(await dialled(fates, { addresses })).toMatchObject({
      ...{ outcome: 'c:1', held: ['c:1'] },
      begun: [
        ['a:1', 0],
        ['b:1', 250],
        ['c:1', 500],
      ],
    });
  });

  test('leaves one that is there within its head start alone', async () => {
    expect(await dialled({ 'a:1': [there(200)], 'b:1': [there()] }, both)).toMatchObject({
      ...{ outcome: 'a:1', begun: [['a:1', 0]] },
    });
  });

  test('goes on with the next as soon as one is refused', async () => {
    const { outcome, begun } = await dialled({ 'a:1': [refused(50)], 'b:1': [there()] }, both);
    expect({ outcome, begun }).toEqual({
      outcome: 'b:1',
      begun: [
        ['a:1', 0],
        ['b:1', 50],
      ],
    });
  });

  test('reaches one that is only slow, beside one that is dead', async () => {
    expect(await dialled({ 'a:1': [there(6_000), 'silence'], 'b:1': ['silence'] }, both)).toMatchObject({
      ...{ outcome: 'a:1', held: ['a:1'] },
    });
  });

  test('takes one that has refused and is there after all, while the others are silent', async () => {
    const fates = { 'a:1': [{ refusedMs: 0, thereMs: 400 }], 'b:1': ['silence'] } as const;
    expect(await dialled(fates, both)).toMatchObject({ outcome: 'a:1', afterMs: 400, held: ['a:1'] });
  });

  test('says how each has failed', async () => {
    const fates = { 'ECONNREFUSED:1': [refused()], 'self-signed:1': [refused()], 'c:1': ['silence'] } as const;
    const addresses = { a: 'ECONNREFUSED:1', b: 'self-signed:1', c: 'c:1', d: 'nonsense' };
    const { outcome, held } = await dialled(fates, { addresses }, { limitMs: 2_000 });
    expect(outcome).toMatchObject({
      code: 'AGENT_UNREACHABLE',
      message:
        'No agent can be reached: ECONNREFUSED:1 (nothing listens there), self-signed:1 (its certificate is not trusted), ' +
        'c:1 (did not take a connection within 2000 ms), nonsense (it is no address). Check the addresses, and that agents run there.',
    });
    expect(held).toEqual([]);
  });

  test('waits no longer once all have refused', async () => {
    const addresses = { a: 'ECONNREFUSED a:1', b: 'ECONNREFUSED b:1' };
    const fates = { 'ECONNREFUSED a:1': [refused()], 'ECONNREFUSED b:1': [refused(50)] };
    const { outcome, afterMs } = await dialled(fates, { addresses });
    expect(outcome).toMatchObject({
      message: expect.stringMatching(/^No agent can be reached: .* Nothing listens there: check/) as unknown,
      details: { trouble: 'refused' },
    });
    expect(afterMs).toBeLessThan(250);
  });
});

describe('dialling one address', () => {
  const address = 'a:1';

  test('that is slow goes on for as long as there is time, with other connections to it beside the first', async () => {
    expect(await dialled({ [address]: [there(9_000), 'silence'] }, { address })).toMatchObject({
      ...{ outcome: address, held: [address] },
      begun: [
        [address, 0],
        [address, 1_000],
        [address, 3_000],
        [address, 7_000],
      ],
    });
  });

  test('behind which the first connection has gone nowhere finds what is there by now', async () => {
    expect(await dialled({ [address]: ['silence', there()] }, { address })).toMatchObject({
      ...{ outcome: address, afterMs: 1_000, held: [address] },
    });
  });

  test('that refuses gives its share: a call on it says why', async () => {
    expect(await dialled({ [address]: [refused(10)] }, { address })).toMatchObject({
      ...{ outcome: address, begun: [[address, 0]], held: [address] },
    });
  });

  test('that gives no answer gives up in time, says so, and holds nothing', async () => {
    const { outcome, afterMs, held } = await dialled({ [address]: ['silence'] }, { address }, { limitMs: 5_000 });
    expect(outcome).toMatchObject({
      code: 'AGENT_UNREACHABLE',
      message:
        'a:1 did not take a connection within 5000 ms. Nothing answers there: check the address, and that it can be reached from here.',
      details: { address, trouble: 'silent' },
    });
    expect([afterMs, held]).toEqual([5_000, []]);
  });

  test('says what is wrong with one that is none', async () => {
    expect((await dialled({}, { address: 'bad' })).outcome).toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

describe('dialling what a resolver says', () => {
  test('asks again while there is no answer', async () => {
    const { asked, resolve } = answering('a:1', 'b:1');
    const { outcome, held } = await dialled({ 'a:1': ['silence'], 'b:1': [there()] }, { resolve });
    expect({ outcome, held, asked }).toEqual({ outcome: 'b:1', held: ['b:1'], asked: [0, 1] });
  });

  test('has the addresses of one answer race', async () => {
    const { asked, resolve } = answering(['a:1', 'b:1']);
    const { outcome } = await dialled({ 'a:1': ['silence'], 'b:1': [there()] }, { resolve });
    expect({ outcome, asked }).toEqual({ outcome: 'b:1', asked: [0] });
  });

  test('passes over an answer that is no address, or that fails', async () => {
    const asked: number[] = [];
    const resolve = ({ attempt }: { readonly attempt: number }): string => {
      asked.push(attempt);
      if (attempt === 1) throw new Error('not now');
      return ['a:1', '', 'bad', 'b:1'][attempt] ?? 'b:1';
    };
    const { outcome } = await dialled({ 'a:1': ['silence'], 'b:1': [there()] }, { resolve });
    expect({ outcome, asked }).toEqual({ outcome: 'b:1', asked: [0, 1, 2, 3] });
  });

  test('does not ask again where the answer has refused: whoever waits asks later', async () => {
    const { asked, resolve } = answering('a:1', 'b:1');
    const { outcome } = await dialled({ 'a:1': [refused()], 'b:1': [there()] }, { resolve });
    expect({ outcome, asked }).toEqual({ outcome: 'a:1', asked: [0] });
  });

  test('asks no more once nobody waits for it', async () => {
    const leaving = new AbortController();
    const { asked, resolve } = answering('a:1', 'b:1');
    const slow = (query: { readonly attempt: number }): string | readonly string[] => {
      setImmediate(() => leaving.abort(new Error('gone')));
      return resolve(query);
    };
    const { outcome, held } = await dialled({ 'a:1': ['silence'], 'b:1': [there()] }, { resolve: slow }, leaving);
    expect(outcome).toMatchObject({ message: 'gone' });
    expect({ held, asked }).toEqual({ held: [], asked: [0] });
  });
});
