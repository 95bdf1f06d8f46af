import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { isEqualJson } from '#common/equal-json.js';
import { PaneletError } from '#common/errors/errors.js';
import { createSeededRandom } from '#common/random.js';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { GateStatus, State } from '#proto/gate/v1/gate.js';
import { settle } from '#test/support/settle.js';
import type { GateClient } from '../../calls/gate-client.js';
import type { SessionInfo } from '../../calls/node-views.js';
import type { NodeWay } from '../ways/node-ways.js';
import type { BoardNode } from '../wire/live.js';
import { createWatchedNodes } from './watched-nodes.js';

/** A stream that a test speaks into. */
class FakeStream<Value> {
  readonly #waiting: (Value | PaneletError)[] = [];
  #wake = (): void => undefined;

  say(next: Value | PaneletError): void {
    this.#waiting.push(next);
    this.#wake();
  }

  async *read(signal: AbortSignal): AsyncGenerator<Value, void, undefined> {
    signal.addEventListener('abort', () => this.#wake());
    while (!signal.aborted) {
      const next = this.#waiting.shift();
      if (next instanceof PaneletError) throw next;
      if (next === undefined) await new Promise<void>((resolve) => (this.#wake = resolve));
      else yield next;
    }
  }
}

const session = (id: string, ageMs = 0): SessionInfo => ({
  sessionId: id,
  panel: 'terminal',
  node: 'a',
  owner: 'alice',
  incarnation: 1,
  attached: true,
  framesIn: 0,
  framesOut: 0,
  checkpointable: true,
  details: {},
  ageMs,
  retiring: false,
  endsAt: undefined,
});
const gateIn = (state: State): GateStatus => GateStatus.fromPartial({ state, version: '1.2.3' });
const refused = new PaneletError('IDENTITY_REFUSED', 'not you');
const missing = new PaneletError('IDENTITY_MISSING', 'the token is over');

describe('nodes that are watched', () => {
  let clock: FakeClock;
  let ending: AbortController;
  let told: BoardNode[];
  let gates: {
    readonly sessions: FakeStream<readonly SessionInfo[]>;
    readonly gate: FakeStream<GateStatus>;
    open: number;
  }[];
  let releases: number;
  let panelsFail: PaneletError | undefined;
  let asks: number;
  let stop: () => void;

  const way = {
    client: {
      listPanels: () => {
        asks += 1;
        const panels = [{ name: 'terminal', serving: true, version: '1' }];
        return panelsFail === undefined ? Promise.resolve({ node: 'a', panels }) : Promise.reject(panelsFail);
      },
    },
    gate: () => {
      const made = { sessions: new FakeStream<readonly SessionInfo[]>(), gate: new FakeStream<GateStatus>(), open: 1 };
      gates.push(made);
      return Promise.resolve({
        watch: ({ signal }: { signal: AbortSignal }) => made.gate.read(signal),
        watchSessions: ({ signal }: { signal: AbortSignal }) => made.sessions.read(signal),
        close: () => void (made.open -= 1),
      } as unknown as GateClient);
    },
    explain: (error: unknown) => Promise.resolve(error),
    release: () => void (releases += 1),
  } as unknown as NodeWay;

  const pass = async (ms: number): Promise<void> => {
    await settle();
    for (let passed = 0; passed < ms; passed += 500) {
      clock.advance(500);
      await settle();
    }
  };
  const last = (): BoardNode | undefined => told.at(-1);
  const agent = (): (typeof gates)[number] => gates.at(-1)!;

  beforeEach(async () => {
    [clock, ending, told, gates, releases, panelsFail, asks] = [
      createFakeClock(),
      new AbortController(),
      [],
      [],
      0,
      undefined,
      0,
    ];
    const ways = { take: () => way, close: () => Promise.resolve() };
    const source = createWatchedNodes({ ways, clock, random: createSeededRandom(1), signal: ending.signal });
    stop = source.follow('a', (node) => told.push(node));
    await settle();
  });
  afterEach(async () => {
    ending.abort();
    await settle();
    const left = { clients: gates.filter(({ open }) => open !== 0).length, timers: clock.pending(), releases };
    if (!isEqualJson(left, { clients: 0, timers: 0, releases: 1 })) throw new Error(`Left: ${JSON.stringify(left)}`);
  });

  test('are told once all of it is there, and at each change without anybody asking', async () => {
    agent().sessions.say([session('s1')]);
    await settle();
    expect(told).toEqual([]);
    agent().gate.say(gateIn(State.SERVING));
    await settle();
    expect(last()).toMatchObject({ version: '1.2.3', gate: { state: 'SERVING' }, panels: [{ name: 'terminal' }] });
    agent().gate.say(gateIn(State.CORDONED));
    agent().sessions.say([session('s1'), session('s2')]);
    await settle();
    expect(last()).toMatchObject({ gate: { state: 'CORDONED' }, sessions: [{ id: 's1' }, { id: 's2' }] });
    expect(asks).toBe(1);
  });

  test('have their panels asked for each 5 s, and their sessions grow older', async () => {
    agent().sessions.say([session('s1', 100)]);
    agent().gate.say(gateIn(State.SERVING));
    await pass(10_000);
    expect(asks).toBe(3);
    expect(last()?.sessions).toMatchObject([{ ageMs: 10_100 }]);
  });

  test('have no gate for those who may not see it, which is tried again after a minute', async () => {
    agent().sessions.say([session('s1')]);
    agent().gate.say(refused);
    await settle();
    expect(last()).toMatchObject({ gate: null, sessions: [{ id: 's1' }] });
    agent().gate.say(gateIn(State.SERVING));
    await pass(59_000);
    expect(last()?.gate).toBeNull();
    await pass(1_000);
    expect(last()).toMatchObject({ gate: { state: 'SERVING' } });
    expect(gates).toHaveLength(1);
  });

  test.each(['sessions', 'gate'] as const)(
    'are watched anew, by a new token, when the stream of the %s ends',
    async (ended) => {
      agent().sessions.say([session('s1')]);
      agent().gate.say(gateIn(State.SERVING));
      await settle();
      agent()[ended].say(missing);
      await pass(1_000);
      expect(gates.map(({ open }) => open)).toEqual([0, 1]);
      expect(told.some(({ trouble }) => trouble !== undefined)).toBe(false);
      agent()[ended].say(missing);
      await pass(2_000);
      expect(last()).toMatchObject({ trouble: 'the token is over' });
      agent().sessions.say([session('s2')]);
      agent().gate.say(gateIn(State.SERVING));
      await settle();
      expect(last()).toMatchObject({ sessions: [{ id: 's2' }] });
      expect(last()?.trouble).toBeUndefined();
    },
  );

  test('say why their agent does not answer, until it does', async () => {
    agent().sessions.say([session('s1')]);
    agent().gate.say(gateIn(State.SERVING));
    panelsFail = new PaneletError('AGENT_UNREACHABLE', 'no agent there');
    await pass(5_000);
    expect(last()).toMatchObject({ trouble: 'no agent there', sessions: [] });
    panelsFail = undefined;
    await pass(2_000);
    expect(last()).toMatchObject({ sessions: [{ id: 's1' }] });
  });

  test('are told no more, and their streams end, once nobody follows them', async () => {
    agent().sessions.say([session('s1')]);
    agent().gate.say(gateIn(State.SERVING));
    await settle();
    const { length } = told;
    stop();
    await settle();
    expect(agent().open).toBe(0);
    expect(releases).toBe(1);
    agent().gate.say(gateIn(State.CORDONED));
    await pass(60_000);
    expect(told).toHaveLength(length);
  });
});
