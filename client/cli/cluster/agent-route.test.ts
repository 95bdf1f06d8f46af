import { Metadata, status } from '@grpc/grpc-js';
import { expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import { statusOf } from '#common/grpc/grpc-status.js';
import { clientErrorOf } from '../../connect/status-errors.js';
import { unreachableError } from '../../connect/unreachable-error.js';
import { createAgentRoute, type AgentRoute } from './agent-route.js';
import type { Kubectl, RunningKubectl } from './kubectl.js';

const address = '10.1.2.3:7443';

/** A route to the one pod of a cluster, straight to its address. */
async function openRoute(ipNow = () => '10.1.2.3'): Promise<AgentRoute> {
  const pod = (podIP: string): object => ({
    metadata: { name: 'agent-1', uid: 'u' },
    spec: { nodeName: 'node-b', containers: [{ name: 'agent' }] },
    status: { phase: 'Running', podIP, conditions: [{ type: 'Ready', status: 'True' }] },
  });
  const run = (): Promise<string> => Promise.resolve(JSON.stringify({ items: [pod(ipNow())] }));
  const kubectl = { run } as unknown as Kubectl;
  const route = createAgentRoute({
    ...{ kubectl, clock: createFakeClock(), namespace: 'ns', node: 'node-b', via: 'address' as const },
    dialled: () => Promise.resolve(),
  });
  expect(await route.resolve({ attempt: 0 })).toBe(address);
  return route;
}

async function told(error: PaneletError): Promise<string> {
  return ((await (await openRoute()).explain(error)) as PaneletError).message;
}

test.each([
  ['something', 'Its pod: '],
  ['self-signed certificate', 'Its certificate is not trusted: give the authority that signed it (--ca). Its pod: '],
])('an agent that is not reached (%s) is named by its node, with the flag to give', async (words, advice) => {
  const silence = clientErrorOf({ code: status.UNAVAILABLE, details: words, metadata: new Metadata() }, address);
  expect(await told(silence)).toBe(
    `The agent of the node node-b cannot be reached. ${advice}kubectl -n ns get pods -o wide`,
  );
});

test('one that gives no answer is named with the address of its pod, which nobody has given', async () => {
  expect(await told(unreachableError([{ address, kind: 'silent' }], 5_000))).toBe(
    'The agent of the node node-b cannot be reached. Nothing answers at 10.1.2.3:7443. Its pod: kubectl -n ns get pods -o wide',
  );
});

test('what failed on the way before is told in terms of the node, too', async () => {
  let ip = '10.1.2.3';
  const route = await openRoute(() => ip);
  ip = '10.4.5.6';
  expect(await route.resolve({ attempt: 1 })).toBe('10.4.5.6:7443');
  const silence = clientErrorOf({ code: status.UNAVAILABLE, details: '', metadata: new Metadata() }, address);
  expect(((await route.explain(silence)) as PaneletError).message).toMatch(/^The agent of the node node-b cannot/);
});

test('what an agent has said itself is kept', async () => {
  const said = statusOf(new PaneletError('AGENT_UNREACHABLE', 'Ask the one next door.'));
  expect(await told(clientErrorOf(said, address))).toBe('Ask the one next door.');
});

test('what another address answers is kept', async () => {
  const silence = { code: status.UNAVAILABLE, details: 'connect ECONNREFUSED', metadata: new Metadata() };
  expect(await told(clientErrorOf(silence, '10.9.9.9:1'))).toMatch(/^The agent at 10\.9\.9\.9:1 cannot be reached\./);
});

test('a session that moves goes to the pod that is named, by a forward beside the one that it has', async () => {
  const pod = (uid: string, createdAt: string): object => ({
    metadata: { name: `agent-${uid}`, uid, creationTimestamp: createdAt },
    spec: { nodeName: 'node-b', containers: [{ name: 'agent' }] },
    status: { phase: 'Running', podIP: '10.1.2.3', conditions: [{ type: 'Ready', status: 'True' }] },
  });
  let pods = [pod('a', '2026-01-01')];
  const ended: string[] = [];
  let forwards = 0;
  const start = (): RunningKubectl => {
    const port = 5_001 + forwards++;
    return {
      lines: (async function* () {
        yield await Promise.resolve(`Forwarding from 127.0.0.1:${port} -> 7443`);
      })(),
      ended: new Promise(() => undefined),
      stop: () => {
        ended.push(`127.0.0.1:${port}`);
        return Promise.resolve();
      },
    };
  };
  const run = (): Promise<string> => Promise.resolve(JSON.stringify({ items: pods }));
  const kubectl = { run, start } as unknown as Kubectl;
  const route = createAgentRoute({
    ...{ kubectl, clock: createFakeClock(), namespace: 'ns', node: 'node-b', via: 'port-forward' as const },
    dialled: () => Promise.resolve(),
  });
  expect(await route.resolve({ attempt: 0 })).toBe('127.0.0.1:5001');
  pods = [pod('a', '2026-01-01'), pod('b', '2026-01-02'), pod('c', '2026-01-03')];
  expect(await route.resolve({ attempt: 1, podUid: 'b' })).toBe('127.0.0.1:5002');
  // However often it is asked, the session's own way is left alone.
  for (let attempt = 2; attempt < 9; attempt += 1) {
    expect(await route.resolve({ attempt, podUid: 'b' })).toBe('127.0.0.1:5002');
  }
  expect(ended).toEqual([]);
  expect(await route.resolve({ attempt: 1, podUid: 'c' })).toBe('127.0.0.1:5003');
  expect(ended).toEqual(['127.0.0.1:5001']);
  await route.close();
  expect(ended).toEqual(['127.0.0.1:5001', '127.0.0.1:5003', '127.0.0.1:5002']);
});
