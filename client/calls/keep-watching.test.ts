import { beforeEach, describe, expect, test } from '@jest/globals';
import { PaneletError, type ErrorCode } from '#common/errors/errors.js';
import { createSeededRandom } from '#common/random.js';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { settle } from '#test/support/settle.js';
import { keepWatching } from './keep-watching.js';

let clock: FakeClock;
let stop: AbortController;
let said: string[];
let asks: number;
let watches: number;

/** Watches an agent whose watches tell these and end so, one after the other; the last of them again and again. */
function watch(...each: readonly (readonly [string[], ErrorCode])[]): Promise<void> {
  const source = {
    // eslint-disable-next-line @typescript-eslint/require-await -- a stream of what is there already
    watch: async function* () {
      const [values, code] = each[Math.min(watches++, each.length - 1)] ?? [[], 'INTERNAL'];
      yield* values;
      throw new PaneletError(code, 'It is over.');
    },
    ask: () => Promise.resolve(`asked ${++asks}`),
  };
  const options = { clock, random: createSeededRandom(1), signal: stop.signal };
  const onLost = ({ code }: PaneletError): void => void said.push(code);
  const run = async (): Promise<void> => {
    for await (const value of keepWatching(source, { ...options, onLost })) said.push(value);
  };
  return run();
}

async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 500) {
    await settle();
    clock.advance(500);
  }
  await settle();
}

describe('what is watched for as long as somebody wants to know', () => {
  beforeEach(() => {
    [clock, stop, said, asks, watches] = [createFakeClock(), new AbortController(), [], 0, 0];
  });

  test('begins anew when the agent goes', async () => {
    const watching = watch([['a'], 'WORKER_UNAVAILABLE'], [[], 'AGENT_UNREACHABLE'], [['b'], 'TRANSPORT_LOST']);
    await pass(1_000);
    expect(said.slice(0, 5)).toEqual(['a', 'WORKER_UNAVAILABLE', 'AGENT_UNREACHABLE', 'b', 'TRANSPORT_LOST']);
    stop.abort();
    await watching;
  });

  test.each(['VERSION_UNSUPPORTED', 'LIMIT_EXCEEDED'] as const)(
    'is asked for each 5 s where it is %s',
    async (code) => {
      const watching = watch([[], code]);
      await pass(10_500);
      expect(said).toEqual(['asked 1', 'asked 2', 'asked 3']);
      expect(watches).toBe(1);
      stop.abort();
      await watching;
      await pass(60_000);
      expect(asks).toBe(3);
    },
  );

  test('ends with what does not pass', async () => {
    await expect(watch([['a'], 'IDENTITY_REFUSED'])).rejects.toMatchObject({ code: 'IDENTITY_REFUSED' });
    expect(said).toEqual(['a']);
  });
});
