import { kill } from 'node:process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { stringify } from 'yaml';
import { createPaneletClient, type PaneletClient, type PaneletSession } from '#client/sdk.js';
import { echoed } from '#test/support/echoed.js';
import {
  builtPrograms,
  createAgentHome,
  untilText,
  type AgentHome,
  type AgentProcess,
} from '#test/support/agent/running-agent.js';
import { waitFor } from '#test/support/wait-for.js';

jest.setTimeout(60_000);

const token = (name: string): string => `token-of-${name}`;
const everybody = { alice: ['client'], bob: ['client'] };

let home: AgentHome;
let agent: AgentProcess | undefined;
let clients: PaneletClient[];

/** Gives roles to users, and has the agent read them. */
async function give(roles: Record<string, readonly string[]>): Promise<void> {
  const identities = Object.entries(roles).map(([name, of]) => ({ name, token: token(name), roles: of }));
  writeFileSync(join(home.dir, 'identities.yaml'), stringify({ identities }));
  if (agent === undefined) return;
  const running = agent;
  const reloads = (): number => running.log().split('"Reloaded"').length;
  const before = reloads();
  running.child.kill('SIGHUP');
  await waitFor('the agent reloads', () => reloads() > before);
}

async function open(name: string): Promise<PaneletSession> {
  const client = createPaneletClient({ address: home.address, token: token(name) });
  clients.push(client);
  return client.open({ panel: 'echo' });
}

const audited = (): Record<string, unknown>[] =>
  (agent?.log() ?? '')
    .split('\n')
    .filter((line) => line.includes('"audit":true'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('a right that is taken away', () => {
  beforeEach(async () => {
    clients = [];
    agent = undefined;
    home = createAgentHome(builtPrograms);
    home.configure({
      workerCommand: [process.execPath, builtPrograms.worker],
      panels: [{ name: 'echo' }],
      identity: { file: join(home.dir, 'identities.yaml') },
    });
    await give(everybody);
    agent = await home.start();
  });
  afterEach(async () => {
    await Promise.all(clients.map((client) => client.close()));
    home.remove();
  });

  test.each([
    ['whose token is removed', {}],
    ['who has another role', { bob: ['operator'] }],
  ])('ends what is open of one %s, tells it and writes it down; others and the session stay', async (_who, bobs) => {
    const [alice, bob] = [await open('alice'), await open('bob')];
    expect([await echoed(alice, 'a'), await echoed(bob, 'b')]).toEqual(['a', 'b']);
    await give({ alice: ['client'], ...bobs });
    const message: unknown = expect.stringContaining('"bob" may not');
    expect(await bob.closed).toMatchObject({ kind: 'failed', error: { code: 'IDENTITY_REFUSED', message } });
    expect(audited().at(-1)).toMatchObject({ caller: 'bob', allowed: false, sessionId: bob.sessionId });
    expect(await echoed(alice, 'c')).toBe('c');
    await give(everybody);
    const back = createPaneletClient({ address: home.address, token: token('bob') });
    clients.push(back);
    const resumed = await back.resume(bob.resumeState());
    expect(resumed.sessionId).toBe(bob.sessionId);
  });

  test('ends it also where the worker does not answer', async () => {
    const bob = await open('bob');
    expect(await echoed(bob, 'b')).toBe('b');
    const [worker] = home.workers('echo');
    if (worker === undefined) throw new Error('There is no worker.');
    kill(worker.pid, 'SIGSTOP');
    try {
      await give({ alice: ['client'] });
      expect(await bob.closed).toMatchObject({ kind: 'failed' });
    } finally {
      kill(worker.pid, 'SIGCONT');
    }
    if (agent !== undefined) await untilText(agent, 'did not end an attachment');
  });
});
