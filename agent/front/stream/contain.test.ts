import type { ClientHttp2Stream, ServerHttp2Stream } from 'node:http2';
import { afterEach, describe, expect, test } from '@jest/globals';
import { waitFor } from '#test/support/wait-for.js';
import type { HostileCall } from '#test/support/http2/hostile-worker.js';
import { startRelayPair, type Outcome, type RelayPair, type RelayPairOptions } from '#test/support/http2/relay-pair.js';
import { createContainment, type Containment } from './contain.js';

const injected = new Error('injected');

function raise(): never {
  throw injected;
}

describe('a containment', () => {
  test('hands an exception to the end, counts it, and lets nothing out', () => {
    let count = 0;
    const ended: Error[] = [];
    const containment = createContainment({ onContained: () => count++ });
    containment.contain((error) => ended.push(error))(raise)();
    expect([ended, count]).toEqual([[injected], 1]);
    containment.contain(raise)(raise)();
    expect(count).toBe(3);
  });

  test('passes arguments on, and does nothing else while nothing is thrown', () => {
    const seen: unknown[] = [];
    const guard = createContainment().contain(raise);
    guard((one: number, other: string) => seen.push(one, other))(1, 'x');
    expect(seen).toEqual([1, 'x']);
  });
});

const pairs: RelayPair[] = [];
afterEach(async () => {
  for (const pair of pairs.splice(0)) await pair.close();
});

async function start(answer: (call: HostileCall) => void, options: RelayPairOptions): Promise<RelayPair> {
  const pair = await startRelayPair(answer, options);
  pairs.push(pair);
  return pair;
}

const message = Buffer.from([0, 0, 0, 0, 2, 104, 105]);

/** Answers with one message and OK. */
function answering(call: HostileCall): void {
  call.headers([
    [':status', '200'],
    ['content-type', 'application/grpc'],
  ]);
  call.data(message);
  call.headers([['grpc-status', '0']], 'end');
}

function statusOf({ headers, trailers }: Outcome): unknown {
  return trailers['grpc-status'] ?? headers['grpc-status'];
}

/** A containment whose nth guarded handler throws instead of running, and how many have run. */
function throwingAt(nth: number): { readonly containment: Containment; readonly calls: () => number } {
  const real = createContainment();
  let calls = 0;
  return {
    calls: () => calls,
    containment: {
      contain: (end) => {
        const guard = real.contain(end);
        return (handler) =>
          guard((...args) => {
            if (++calls === nth) raise();
            handler(...args);
          });
      },
    },
  };
}

/** Runs one call with the nth handler failing; true when there was no nth. */
async function failAt(nth: number, answer: (call: HostileCall) => void, leave?: 'cancels'): Promise<boolean> {
  const { containment, calls } = throwingAt(nth);
  const clients: ServerHttp2Stream[] = [];
  const pair = await start(answer, { containment, prepare: (client) => clients.push(client) });
  const { stream, outcome } = pair.call();
  stream.write(message);
  await waitFor('the call is there', () => clients.length > 0);
  if (leave === 'cancels') stream.close(8);
  else stream.end();
  await outcome;
  const [client] = clients;
  await waitFor('the stream of the client is over', () => client!.destroyed);
  await waitFor('the stream to the worker is over', () => pair.openUpstreams() === 0);
  return calls() < nth;
}

describe('an exception in a handler of the relay', () => {
  test.each<[string, (call: HostileCall) => void]>([
    ['an answer', answering],
    [
      'an answer without messages',
      (call) =>
        call.headers(
          [
            [':status', '200'],
            ['content-type', 'application/grpc'],
            ['grpc-status', '5'],
          ],
          'end',
        ),
    ],
    ['an answer that is not gRPC', (call) => call.headers([[':status', '404']])],
    ['a reset', (call) => call.reset(8)],
  ])(
    'ends both streams, whichever handler it is: %s',
    async (_name, answer) => {
      let nth = 1;
      while (!(await failAt(nth, answer))) nth++;
      // Every handler that ran had its turn.
      expect(nth).toBeGreaterThan(3);
    },
    30_000,
  );

  test('ends both streams when the client cancels', async () => {
    let nth = 1;
    while (!(await failAt(nth, () => undefined, 'cancels'))) nth++;
    expect(nth).toBeGreaterThan(2);
  }, 30_000);

  const failures: readonly [string, (client: ServerHttp2Stream, upstream: ClientHttp2Stream) => void, unknown][] = [
    ['respond', (client) => failOnce(client, 'respond'), '13'],
    ['write', (client) => void (client.write = raise), '13'],
    ['end', (client) => failOnce(client, 'end'), undefined],
    ['sendTrailers', (client) => failOnce(client, 'sendTrailers'), '13'],
    ['sendTrailers, always', (client) => void (client.sendTrailers = raise), undefined],
    ['resume', (client) => failOnce(client, 'resume'), '13'],
    ['write to the worker', (_client, upstream) => void (upstream.write = raise), '13'],
    ['end to the worker', (_client, upstream) => failOnce(upstream, 'end'), '13'],
  ];
  test.each(failures)('is told as INTERNAL where that can still be said: %s', async (_name, prepare, code) => {
    let contained = 0;
    const containment = createContainment({ onContained: () => contained++ });
    const pair = await start(answering, { containment, prepare });
    const { stream, outcome } = pair.call();
    stream.write(message);
    stream.end();
    const seen = await outcome;
    expect(contained).toBeGreaterThan(0);
    expect([code, '0']).toContain(statusOf(seen) ?? code);
    await waitFor('the stream to the worker is over', () => pair.openUpstreams() === 0);
  });

  test('ends the connection when the stream cannot even be reset', async () => {
    const pair = await start(answering, {
      prepare: (client) => {
        client.respond = raise;
        client.close = raise;
      },
    });
    const { stream } = pair.call();
    const { session } = stream;
    await waitFor('the connection is over', () => session?.closed === true || session?.destroyed === true);
  });
});

/** Makes the first call of a method throw. */
function failOnce<Name extends string>(target: Readonly<Record<Name, unknown>>, method: Name): void {
  const run = target[method] as () => unknown;
  let calls = 0;
  Object.assign(target, { [method]: (...args: []) => (++calls === 1 ? raise() : run.apply(target, args)) });
}
