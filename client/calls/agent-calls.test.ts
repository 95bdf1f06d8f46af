import { connectivityState, Metadata, status } from '@grpc/grpc-js';
import { describe, expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { createSeededRandom } from '#common/random.js';
import { createAgentCalls } from './agent-calls.js';
import { createAddressBook } from '../connect/address-book.js';
import type { ChannelLease, ChannelPool } from '../connect/channel-pool.js';
import { clientErrorOf } from '../connect/status-errors.js';

/** A pool whose channels are all connected. */
function connectedPool(): ChannelPool {
  const nothing = (): void => undefined;
  const client = { getChannel: () => ({ getConnectivityState: () => connectivityState.READY }) };
  const lease = { client, address: 'balancer:1', leadsTo: nothing, retire: nothing, release: nothing };
  return { lease: () => lease as unknown as ChannelLease, size: 0, close: nothing };
}

interface Answer {
  readonly code: status;
  readonly reason: string;
  readonly node: string;
}

/** The answer of a node's agent that knows of no such session. */
const unknownAt = (node: string): Answer => ({ code: status.NOT_FOUND, reason: 'SESSION_UNKNOWN', node });

/** What becomes of a call about a session of node-a that is answered like that, each time; the last answer stays. */
async function outcomeOf(...answers: readonly Answer[]): Promise<{ readonly error: unknown; readonly calls: number }> {
  const clock = createFakeClock();
  const calls = createAgentCalls({
    ...{ clock, pool: connectedPool(), random: createSeededRandom(1), dialMs: 5_000 },
    book: createAddressBook({ address: 'balancer:1' }),
    metadata: () => Promise.resolve(new Metadata()),
  });
  let count = 0;
  let error: unknown;
  const done = calls
    .call({ sessionId: 's', node: 'node-a' }, () => {
      const { code, reason, node } = answers[Math.min(count++, answers.length - 1)] ?? unknownAt('');
      const metadata = Metadata.fromHttp2Headers({ 'panelet-reason': reason, 'panelet-node': node });
      throw clientErrorOf({ code, details: 'Why not.', metadata }, 'balancer:1');
    })
    .catch((caught: unknown) => (error = caught));
  for (let turn = 0; turn < 2000 && error === undefined; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(20);
  }
  await done;
  return { error, calls: count };
}

describe('a call about a session', () => {
  test('believes the agent of its node', async () => {
    expect(await outcomeOf(unknownAt('node-a'))).toMatchObject({ calls: 1, error: { code: 'SESSION_UNKNOWN' } });
  });

  test('that reaches other agents alone does not say that there is no such session: whoever ends it would think it ended', async () => {
    const { error, calls } = await outcomeOf(unknownAt('node-b'));
    expect(error).toMatchObject({ code: 'AGENT_UNREACHABLE', message: expect.stringContaining('node-b') as unknown });
    expect(calls).toBeGreaterThan(5);
  });

  test('whose worker goes is asked again, and for some seconds only', async () => {
    const away = { code: status.UNAVAILABLE, reason: 'WORKER_UNAVAILABLE', node: 'node-a' };
    expect(await outcomeOf(away, away, unknownAt('node-a'))).toMatchObject({
      calls: 3,
      error: { code: 'SESSION_UNKNOWN' },
    });
    const { error, calls } = await outcomeOf(away);
    expect(error).toMatchObject({ code: 'WORKER_UNAVAILABLE' });
    expect(calls).toBeGreaterThan(5);
  });
});
