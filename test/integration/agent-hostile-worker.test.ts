import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterEach, expect, test } from '@jest/globals';
import { createRawClient, helloBytes, statusOfCall, type RawStream } from '#test/support/agent/raw-session.js';
import {
  builtPrograms,
  call,
  connectAgent,
  createAgentHome,
  type AgentHome,
} from '#test/support/agent/running-agent.js';
import { waitFor } from '#test/support/wait-for.js';
import { startHostilePanel, type RawAnswer } from '#test/support/http2/hostile-panel.js';
import type { RawHeader } from '#test/support/http2/frames.js';
import type { ListPanelsRequest, ListPanelsResponse } from '#proto/session/v1/session.js';

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0).reverse()) end();
});

const grpc: readonly RawHeader[] = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
];
const forbidden: RawHeader = ['http2-settings', 'AAMAAABk'];

const answers: readonly [string, number, RawAnswer][] = [
  [
    'a forbidden header',
    status.OK,
    (headers) => {
      headers([...grpc, forbidden]);
      headers([['grpc-status', '0']], 'end');
    },
  ],
  [
    'a forbidden trailer',
    status.OK,
    (headers) => {
      headers(grpc);
      headers([['grpc-status', '0'], forbidden], 'end');
    },
  ],
  [
    'a forbidden header alone',
    status.ABORTED,
    (headers) => headers([...grpc, ['grpc-status', '10'], forbidden], 'end'),
  ],
  ['a status that HTTP does not have', status.UNKNOWN, (headers) => headers([[':status', '999']])],
  [
    'a pseudo-header in the trailers',
    status.UNAVAILABLE,
    (headers) => {
      headers(grpc);
      headers(
        [
          [':status', '200'],
          ['grpc-status', '0'],
        ],
        'end',
      );
    },
  ],
];

async function untilServing(home: AgentHome, ...panels: string[]): Promise<void> {
  const clients = connectAgent(home.address);
  ends.push(() => clients.close());
  await waitFor(
    'panels serve',
    async () => {
      const list = await call<ListPanelsRequest, ListPanelsResponse>(
        (...rest) => clients.session.listPanels(...rest),
        {},
      );
      return panels.every((name) => list.panels.some((panel) => panel.name === name && panel.serving));
    },
    20_000,
  );
}

/** Sends messages to the panel echo; gives hashes of what was sent and of what came back. */
async function exchange(stream: RawStream, count: number): Promise<readonly [string, string]> {
  const [sent, received] = [createHash('sha256'), createHash('sha256')];
  const done = new Promise<void>((resolve) => {
    let seen = 0;
    const take = (message: Buffer): void => {
      received.update(message);
      if (++seen < count) return;
      stream.off('data', take);
      resolve();
    };
    stream.on('data', take);
  });
  for (let index = 0; index < count; index++) {
    const message = randomBytes(1_000 + index);
    sent.update(message);
    stream.write(message);
  }
  await done;
  return [sent.digest('hex'), received.digest('hex')];
}

test('a hostile worker ends its own calls; the agent and the sessions of others go on', async () => {
  const home = createAgentHome(builtPrograms, { panels: [{ name: 'echo' }, { name: 'hostile', run: 'external' }] });
  ends.push(() => home.remove());
  const agent = await home.start();
  const hostile = await startHostilePanel(join(home.dir, 'run', 'workers', 'hostile', 'worker.sock'), 'hostile');
  ends.push(() => hostile.close());
  await untilServing(home, 'echo', 'hostile');
  const client = createRawClient(home.address);
  ends.push(() => client.close());
  const honest = client.open();
  honest.on('error', () => undefined);
  const welcomed = new Promise((resolve) => honest.once('data', resolve));
  honest.write(helloBytes('echo'));
  await welcomed;
  for (const [what, expected, answer] of answers) {
    hostile.setAnswer(answer);
    const stream = client.open();
    const ended = statusOfCall(stream);
    stream.resume();
    stream.write(helloBytes('hostile'));
    expect([what, (await ended).code]).toEqual([what, expected]);
    const [sent, received] = await exchange(honest, 20);
    expect(received).toBe(sent);
  }
  expect(agent.child.exitCode).toBeNull();
  expect(home.children().map(({ pid }) => pid)).toEqual([agent.child.pid]);
  honest.cancel();
}, 60_000);
