import { constants, type IncomingHttpHeaders } from 'node:http2';
import { afterEach, describe, expect, test } from '@jest/globals';
import { waitFor } from '#test/support/wait-for.js';
import { flag, frameType, encodeHeaders, type RawHeader } from '#test/support/http2/frames.js';
import type { HostileCall } from '#test/support/http2/hostile-worker.js';
import { startRelayPair, type Outcome, type RelayPair, type RelayPairOptions } from '#test/support/http2/relay-pair.js';

const pairs: RelayPair[] = [];
afterEach(async () => {
  for (const pair of pairs.splice(0)) await pair.close();
});

async function start(answer: (call: HostileCall) => void, options: RelayPairOptions = {}): Promise<RelayPair> {
  const pair = await startRelayPair(answer, options);
  pairs.push(pair);
  return pair;
}

const grpc: readonly RawHeader[] = [
  [':status', '200'],
  ['content-type', 'application/grpc+proto'],
];
const ok: RawHeader = ['grpc-status', '0'];
const message = Buffer.from([0, 0, 0, 0, 2, 104, 105]);

/** Without what node:http2 keeps beside the headers. */
function namesAndValues(headers: IncomingHttpHeaders): Record<string, unknown> {
  return Object.fromEntries(Object.entries(headers));
}

/** The status of a call, wherever it came. */
function statusOf({ headers, trailers }: Outcome): unknown {
  const said = 'grpc-status' in trailers ? trailers : headers;
  return [said['grpc-status'], said['panelet-reason']];
}

/** Answers one call, and shows that another one on the same connection goes through afterwards. */
async function outcomeOf(
  answer: (call: HostileCall) => void,
  options: RelayPairOptions = {},
): Promise<Outcome & { readonly call: HostileCall }> {
  const pair = await start((call) => (call.streamId === 1 ? answer(call) : honest(call)), options);
  const first = await pair.call().outcome;
  const [call] = pair.worker.calls;
  await waitFor('the stream to the worker is over', () => pair.openUpstreams() === 0);
  const second = await pair.call().outcome;
  expect([second.trailers['grpc-status'], second.data]).toEqual(['0', message]);
  expect(pair.worker.connections()).toBe(1);
  return { ...first, call: call! };
}

function honest(call: HostileCall): void {
  call.headers(grpc);
  call.data(message);
  call.headers([ok], 'end');
}

describe('an answer that is not gRPC', () => {
  test.each([
    ['400', '13', 'ANSWER_INVALID'],
    ['401', '16', 'ANSWER_INVALID'],
    ['403', '7', 'ANSWER_INVALID'],
    ['404', '12', 'ANSWER_INVALID'],
    ['421', '2', 'ANSWER_INVALID'],
    ['429', '14', 'WORKER_UNAVAILABLE'],
    ['500', '2', 'ANSWER_INVALID'],
    ['502', '14', 'WORKER_UNAVAILABLE'],
    ['503', '14', 'WORKER_UNAVAILABLE'],
    ['504', '14', 'WORKER_UNAVAILABLE'],
    ['204', '2', 'ANSWER_INVALID'],
    ['302', '2', 'ANSWER_INVALID'],
    ['999', '2', 'ANSWER_INVALID'],
  ])('with :status %s becomes gRPC status %s, and CANCEL towards the worker', async (httpStatus, code, reason) => {
    const { call, ...outcome } = await outcomeOf((at) =>
      at.headers([
        [':status', httpStatus],
        ['content-type', 'application/grpc'],
        ['grpc-status', '0'],
      ]),
    );
    expect(statusOf(outcome)).toEqual([code, reason]);
    expect(outcome.headers[':status']).toBe(200);
    expect(decodeURIComponent(String(outcome.headers['grpc-message']))).toContain(`HTTP status ${httpStatus}`);
    await waitFor('the worker sees the reset', () => call.seen.includes(frameType.rstStream));
  });

  test('with another content type, or none, is UNKNOWN', async () => {
    for (const type of ['text/html', 'application/grpc-web', undefined]) {
      const outcome = await outcomeOf((call) => {
        call.headers([[':status', '200'], ...(type === undefined ? [] : [['content-type', type] as const])]);
        call.data(message, 'end');
      });
      expect(statusOf(outcome)).toEqual(['2', 'ANSWER_INVALID']);
      expect(outcome.data).toHaveLength(0);
    }
  });
});

describe('headers of an answer', () => {
  const hostile: readonly RawHeader[] = [
    ['http2-settings', 'AAMAAABk'],
    ['host', 'elsewhere'],
    ['content-length', '0'],
    ['upper_case.ok-1', 'unnamed'],
    ['x!', 'not of the alphabet'],
    ['panelet-\u00e9', 'x'],
  ];

  test('are dropped and counted where a worker must not send them, and the call goes on', async () => {
    let dropped = 0;
    const outcome = await outcomeOf(
      (call) => {
        call.headers([
          ...grpc,
          ['http2-settings', 'AAMAAABk'],
          ['host', 'elsewhere'],
          ['x!', 'y'],
          ['grpc-status', '5'],
        ]);
        call.data(message);
        call.headers([ok, ['http2-settings', 'AAMAAABk'], ['content-type', 'text/html'], ['panelet-x', 'here']], 'end');
      },
      { onDropped: (count) => (dropped += count) },
    );
    expect(dropped).toBe(6);
    expect(outcome.data).toEqual(message);
    expect(namesAndValues(outcome.headers)).toEqual({
      ...{ ':status': 200, 'content-type': 'application/grpc+proto', date: expect.any(String) },
    });
    expect(namesAndValues(outcome.trailers)).toEqual({ 'grpc-status': '0', 'panelet-x': 'here' });
  });

  test('that came alone stay one block, without what a worker must not send', async () => {
    for (const header of hostile) {
      const outcome = await outcomeOf((call) => {
        call.headers([...grpc, ['grpc-status', '9'], ['grpc-message', 'gone'], header, ['panelet-reason', 'X']], 'end');
      });
      // HTTP/2 itself refuses some of these names; then the stream is lost, and only that.
      expect([
        ['9', 'X'],
        ['14', 'WORKER_UNAVAILABLE'],
      ]).toContainEqual(statusOf(outcome));
      for (const name of ['http2-settings', 'host', 'x!']) expect(outcome.headers).not.toHaveProperty(name);
      expect(outcome.trailers).toEqual({});
    }
  });

  test('pass when the worker names them, repeated ones in their order', async () => {
    const outcome = await outcomeOf(
      (call) => {
        call.headers([...grpc, ['x-row', '1'], ['x-row', '2'], ['x-other', '3']]);
        call.headers([ok, ['set-cookie', 'a'], ['x-row', '4'], ['set-cookie', 'b'], ['x-row', '5']], 'end');
      },
      { passedKeys: new Set(['x-row', 'set-cookie']) },
    );
    expect(outcome.headers['x-row']).toBe('1, 2');
    expect(outcome.headers).not.toHaveProperty('x-other');
    expect(namesAndValues(outcome.trailers)).toEqual({ 'grpc-status': '0', 'x-row': '4, 5', 'set-cookie': ['a', 'b'] });
  });

  test('beyond 8 KiB are dropped, the status never', async () => {
    let dropped = 0;
    const outcome = await outcomeOf(
      (call) => {
        call.headers(grpc);
        const many = Array.from({ length: 20 }, (_, index): RawHeader => [`panelet-${index}`, 'x'.repeat(1_000)]);
        call.headers([...many, ['grpc-status', '8'], ['panelet-reason', 'LIMIT_EXCEEDED']], 'end');
      },
      { onDropped: (count) => (dropped += count) },
    );
    expect(statusOf(outcome)).toEqual(['8', 'LIMIT_EXCEEDED']);
    expect(dropped).toBe(13);
    expect(Object.keys(outcome.trailers)).toHaveLength(9);
  });

  test('that no HTTP/2 end takes lose their stream and nothing else', async () => {
    const broken: ((call: HostileCall) => void)[] = [
      (call) => call.headers([...grpc, ['connection', 'close']]),
      (call) => call.headers([...grpc, ['transfer-encoding', 'chunked']]),
      (call) => call.headers([...grpc, ['Upper', 'case']]),
      (call) => call.headers([[':status', '101']]),
      (call) => call.headers([['content-type', 'application/grpc']]),
      (call) => call.headers([...grpc, [':path', '/']]),
    ];
    for (const answer of broken) {
      const outcome = await outcomeOf(answer);
      expect(statusOf(outcome)).toEqual(['14', 'WORKER_UNAVAILABLE']);
    }
  });
});

describe('the end of an answer', () => {
  test.each<[string, (call: HostileCall) => void]>([
    ['trailers without grpc-status', (call) => call.headers([['panelet-x', 'y']], 'end')],
    ['no trailers', (call) => call.data(message, 'end')],
    ['a reset', (call) => call.reset(constants.NGHTTP2_CANCEL)],
    ['a reset without an error', (call) => call.reset(constants.NGHTTP2_NO_ERROR)],
    ['a pseudo-header in the trailers', (call) => call.headers([[':status', '200'], ok], 'end')],
    ['an unknown pseudo-header in the trailers', (call) => call.headers([[':x', '200'], ok], 'end')],
    ['trailers that do not end the stream', (call) => call.headers([ok])],
    ['the response headers once more', (call) => call.headers(grpc)],
  ])('with %s is UNAVAILABLE', async (_name, end) => {
    const outcome = await outcomeOf((call) => {
      call.headers(grpc);
      end(call);
    });
    expect(statusOf(outcome)).toEqual(['14', 'WORKER_UNAVAILABLE']);
    expect(outcome.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
  });

  test('with a Trailers-Only block that has no status is UNAVAILABLE', async () => {
    const outcome = await outcomeOf((call) => call.headers(grpc, 'end'));
    expect(statusOf(outcome)).toEqual(['14', 'WORKER_UNAVAILABLE']);
    expect(outcome.trailers).toEqual({});
  });

  test('with a status that gRPC does not have is UNKNOWN', async () => {
    for (const value of ['17', '-1', 'OK', '', '00', '0, 0', '1e1']) {
      const outcome = await outcomeOf((call) => {
        call.headers(grpc);
        call.headers(
          [
            ['grpc-status', value],
            ['panelet-reason', 'X'],
            ['panelet-x', 'y'],
          ],
          'end',
        );
      });
      expect(statusOf(outcome)).toEqual(['2', 'ANSWER_INVALID']);
      expect(outcome.trailers['panelet-x']).toBe('y');
    }
  });

  test('keeps a message that is not percent-encoded readable', async () => {
    const outcome = await outcomeOf((call) => {
      call.headers(grpc);
      call.headers(
        [
          ['grpc-status', '9'],
          ['grpc-message', Buffer.from('50%25 später').toString('latin1')],
        ],
        'end',
      );
    });
    expect(decodeURIComponent(String(outcome.trailers['grpc-message']))).toBe('50% später');
  });

  test('behind informational blocks is as without them', async () => {
    const outcome = await outcomeOf((call) => {
      call.headers([
        [':status', '103'],
        ['http2-settings', 'x'],
      ]);
      call.headers([[':status', '100']]);
      honest(call);
    });
    expect([outcome.data, statusOf(outcome)]).toEqual([message, ['0', undefined]]);
  });

  test('of which only informational blocks come is refused, and the worker left', async () => {
    const outcome = await outcomeOf((call) => {
      for (let count = 0; count < 17; count++) call.headers([[':status', '103']]);
    });
    expect(statusOf(outcome)).toEqual(['2', 'ANSWER_INVALID']);
  });

  test('that comes twice is the first one', async () => {
    const pair = await start((call) => {
      honest(call);
      call.data(message, 'end');
      call.headers([['grpc-status', '3']], 'end');
    });
    const outcome = await pair.call().outcome;
    expect(statusOf(outcome)).toEqual(['0', undefined]);
  });

  test('by a push that was forbidden is the end of that connection, told as UNAVAILABLE', async () => {
    const pair = await start((call) => {
      call.headers(grpc);
      const promised = Buffer.concat([Buffer.of(0, 0, 0, 2), encodeHeaders([[':method', 'GET']])]);
      call.frame(frameType.pushPromise, promised, flag.endHeaders);
    });
    expect(statusOf(await pair.call().outcome)).toEqual(['14', 'WORKER_UNAVAILABLE']);
    await waitFor('the stream to the worker is over', () => pair.openUpstreams() === 0);
  });

  test('leaves the worker, and discards what the client still sends', async () => {
    const pair = await start(honest);
    const { stream, outcome } = pair.call();
    stream.removeAllListeners('end');
    stream.write(message);
    await waitFor('the stream leaves the count of the worker', () => pair.worker.calls[0]?.left() === true);
    await waitFor('the stream to the worker is over', () => pair.openUpstreams() === 0);
    expect(pair.worker.calls[0]!.seen).not.toContain(frameType.rstStream);
    for (let index = 0; index < 64; index++) stream.write(Buffer.alloc(16_384));
    stream.end();
    expect(statusOf(await outcome)).toEqual(['0', undefined]);
  });
});
