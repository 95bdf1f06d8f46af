import { randomUUID } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { nodeServerName } from '#common/node-server-name.js';
import { createGateClient } from '#client/calls/gate-client.js';
import { createPaneletClient, type PaneletClient, type PaneletSession } from '#client/sdk.js';
import { createSystemClock } from '#common/time/clock.js';
import { isPaneletError } from '#common/errors/errors.js';
import { OnTimeout, Target, type Command } from '#proto/gate/v1/gate.js';
import { isFlawless, startEchoLoad } from '#test/support/echo-load.js';
import { letsIn } from '#test/support/lets-in.js';
import { waitFor } from '#test/support/wait-for.js';
import { isOfPod, podProcesses } from './support/proc.js';
import { openShell } from './support/shell-session.js';
import { annotateRestart, openWorld, restartOver, type World } from './support/world.js';

const clock = createSystemClock({ keepsAlive: true });
let world: World;
let node: string;
let owned: { client: PaneletClient; session: PaneletSession };

/** Who asks. Each is a service account of its own, with the role of the chart that it is named after. */
const identities = ['user', 'operator', 'admin', 'nobody', 'wrong-audience', 'garbage', 'no-token'] as const;
type Who = (typeof identities)[number];
type Answer = 'yes' | 'forbidden' | 'unauthenticated' | 'unknown';
type Act = (token: string | undefined) => Promise<unknown>;

const account = (who: Who): string => `e2e-${who}`;

beforeAll(async () => {
  world = await openWorld();
  await world.settled();
  node = world.nodeNames()[0] ?? '';
  for (const who of ['user', 'operator', 'admin', 'nobody'] as const) {
    await world.tryKubectl('create', 'serviceaccount', account(who));
    if (who === 'nobody') continue;
    const subject = `--serviceaccount=${world.env.namespace}:${account(who)}`;
    await world.tryKubectl('create', 'rolebinding', account(who), `--clusterrole=panelet-${who}`, subject);
  }
  const client = await world.client(node);
  owned = { client, session: await client.open({ panel: 'echo' }) };
});
afterAll(async () => {
  await owned.session.terminate().catch(() => undefined);
  for (const who of ['user', 'operator', 'admin', 'nobody'] as const) {
    await world.tryKubectl('delete', 'serviceaccount,rolebinding', account(who), '--ignore-not-found');
  }
  await world.close();
});

async function tokenOf(who: Who): Promise<string | undefined> {
  if (who === 'no-token') return undefined;
  if (who === 'garbage') return 'eyJhbGciOiJSUzI1NiJ9.e30.AAAA';
  if (who === 'wrong-audience') {
    return (
      await world.kubectl('create', 'token', account('user'), '--audience', 'https://kubernetes.default.svc')
    ).trim();
  }
  return world.token(account(who));
}

async function answerOf(act: () => Promise<unknown>): Promise<Answer> {
  try {
    await act();
    return 'yes';
  } catch (error) {
    if (isPaneletError(error, 'IDENTITY_REFUSED')) return 'forbidden';
    if (isPaneletError(error, 'IDENTITY_MISSING')) return 'unauthenticated';
    if (isPaneletError(error, 'SESSION_UNKNOWN')) return 'unknown';
    throw error;
  }
}

async function withClient<T>(token: string | undefined, run: (client: PaneletClient) => Promise<T>): Promise<T> {
  const client = createPaneletClient({
    address: await world.addressOf(node),
    tls: { ca: world.trust(), serverName: nodeServerName(node) },
    ...(token === undefined ? {} : { token }),
    times: { openTimeoutMs: 15_000 },
  });
  try {
    return await run(client);
  } finally {
    await client.close();
  }
}

async function withGate<T>(
  token: string | undefined,
  run: (gate: ReturnType<typeof createGateClient>) => Promise<T>,
): Promise<T> {
  const tls = { ca: world.trust(), serverName: nodeServerName(node) };
  const gate = createGateClient({ address: await world.addressOf(node), token, tls });
  try {
    return await run(gate);
  } finally {
    gate.close();
  }
}

/** A command that the gate takes: with the fencing number that it has seen last. */
async function freshCommand(): Promise<Command> {
  const { fencing } = await withGate(await tokenOf('operator'), (gate) => gate.status());
  return { restartUid: 'e2e-matrix', fencing, generation: 1 };
}

const openPanel =
  (panel: string, parameters: Record<string, string> = {}): Act =>
  (token) =>
    withClient(token, async (client) => {
      const session = await client.open({ panel, parameters });
      await session.terminate();
    });

/** What may be done, in the words of the documentation, and how it is tried. */
const acts: Readonly<Record<string, Act>> = {
  'list panels': (token) => withClient(token, (client) => client.listPanels()),
  'open echo': openPanel('echo'),
  'open a terminal': openPanel('terminal', { command: '/bin/true' }),
  'list own sessions': (token) => withClient(token, (client) => client.listSessions()),
  'end a session of another': (token) =>
    withClient(token, async (client) => {
      const session = await owned.client.open({ panel: 'echo' });
      try {
        await client.endSession(session.sessionId);
      } finally {
        await session.terminate().catch(() => undefined);
      }
    }),
  'take over a session of another': (token) =>
    withClient(token, (client) =>
      client.resume({ sessionId: owned.session.sessionId, panel: 'echo', resumeToken: Buffer.alloc(32) }),
    ),
  'read the gate': (token) => withGate(token, (gate) => gate.status()),
  'cordon and uncordon': (token) =>
    withGate(token, async (gate) => {
      const command = await freshCommand();
      await gate.cordon({ command, lease: { seconds: 5, nanos: 0 }, reason: 'e2e', target: Target.AGENT });
      await gate.uncordon({ command, target: Target.AGENT, anyRestart: true });
    }),
  drain: (token) =>
    withGate(token, async (gate) => {
      const command = await freshCommand();
      const request = { command, target: Target.HOST, timeout: { seconds: 1, nanos: 0 }, onTimeout: OnTimeout.ABORT };
      for await (const state of gate.drain({
        ...request,
        notice: { seconds: 0, nanos: 0 },
        reason: 'e2e',
        lease: { seconds: 5, nanos: 0 },
      })) {
        if (state.status !== undefined) break;
      }
      await gate.uncordon({ command, target: Target.HOST, anyRestart: true });
    }),
};

const no = 'unauthenticated' as const;
const f = 'forbidden' as const;
/** In the order of {@link identities}. */
const expected: Readonly<Record<string, readonly Answer[]>> = {
  'list panels': ['yes', f, 'yes', f, no, no, no],
  'open echo': ['yes', f, 'yes', f, no, no, no],
  'open a terminal': ['yes', f, 'yes', f, no, no, no],
  'list own sessions': ['yes', f, 'yes', f, no, no, no],
  'end a session of another': ['unknown', f, 'yes', f, no, no, no],
  'take over a session of another': ['unknown', f, 'unknown', f, no, no, no],
  'read the gate': [f, 'yes', 'yes', f, no, no, no],
  'cordon and uncordon': [f, 'yes', 'yes', f, no, no, no],
  drain: [f, 'yes', 'yes', f, no, no, no],
};

/** What Kubernetes itself answers: verb, resource, and who may. */
const canI: readonly (readonly [verb: string, resource: string, who: readonly string[]])[] = [
  ['create', 'panelrestarts.panelet.dev', ['e2e-operator', 'e2e-admin', 'panelet-controller']],
  ['get', 'secrets', []],
  ['list', 'secrets', []],
  ['get', 'secrets/panelet-ca', ['panelet-controller']],
  ['create', 'pods/exec', []],
  ['delete', 'pods', ['panelet-controller']],
  ['create', 'pods/eviction', ['panelet-controller']],
  ['create', 'pods', []],
  ['patch', 'daemonsets.apps', []],
  ['patch', 'daemonsets.apps/panelet-agent', ['e2e-operator', 'e2e-admin', 'panelet-controller']],
  ['patch', 'daemonsets.apps/panelet-host', ['e2e-operator', 'e2e-admin', 'panelet-controller']],
  ['patch', 'daemonsets.apps/another', []],
  ['update', 'daemonsets.apps/panelet-agent', []],
  ['create', 'certificatesigningrequests.certificates.k8s.io', ['panelet-agent']],
  ['list', 'certificatesigningrequests.certificates.k8s.io', ['panelet-controller']],
  ['escalate', 'clusterroles', []],
  ['impersonate', 'users', []],
];

interface Reply {
  readonly status: number;
  readonly body: string;
}

function get(url: string, token?: string): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    // The certificate is looked at elsewhere; here it is about who gets in.
    const call = request(url, { rejectUnauthorized: false, headers }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    call.on('error', reject);
    call.end();
  });
}

/** Ports on which a pod listens for others, from the kernel's own tables. */
function listeningPorts(podUid: string): number[] {
  const inside = podProcesses(/./).find(({ cgroup }) => cgroup.includes(podUid));
  if (inside === undefined || !readdirSync('/proc').includes(String(inside.pid))) return [];
  const lines = ['tcp', 'tcp6'].flatMap((file) => readFileSync(`/proc/${inside.pid}/net/${file}`, 'utf8').split('\n'));
  const open = lines.map((line) => line.trim().split(/\s+/)).filter((cells) => cells[3] === '0A');
  return [...new Set(open.map((cells) => Number.parseInt(cells[1]?.split(':')[1] ?? '', 16)))].sort((a, b) => a - b);
}

const certificatesOf = (bundle: Buffer): string[] =>
  bundle.toString().match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];

/** A role with one rule on resources of Panelet, bound to a service account. */
function bind(account: string, name: string, rule: { resources: string[]; verbs: string[] }): readonly object[] {
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const metadata = { name };
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name };
  const subjects = [{ kind: 'ServiceAccount', name: account, namespace: world.env.namespace }];
  return [
    { apiVersion, kind: 'Role', metadata, rules: [{ apiGroups: ['panelet.dev'], ...rule }] },
    { apiVersion, kind: 'RoleBinding', metadata, roleRef, subjects },
  ];
}

/** Who signed the certificate that a node's agent shows; empty while it shows none. */
async function issuerOf(name: string): Promise<string> {
  const [host = '', port] = (await world.addressOf(name)).split(':');
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port), rejectUnauthorized: false, ALPNProtocols: ['h2'] }, () => {
      resolve(String(socket.getPeerCertificate().issuer.CN));
      socket.destroy();
    });
    socket.on('error', () => resolve(''));
  });
}

describe('identity', () => {
  test.each(Object.keys(acts))('who may %s', async (name) => {
    const got: Answer[] = [];
    for (const who of identities) {
      const token = await tokenOf(who);
      got.push(await answerOf(() => acts[name]?.(token) ?? Promise.reject(new Error(name))));
    }
    expect(Object.fromEntries(identities.map((who, index) => [who, got[index]]))).toEqual(
      Object.fromEntries(identities.map((who, index) => [who, expected[name]?.[index]])),
    );
  });

  test('whose right to open a panel is taken neither resumes nor stays, and others do', async () => {
    const name = 'e2e-leaver';
    const opens = bind(name, `${name}-opens`, { resources: ['panels'], verbs: ['create'] });
    const sees = bind(name, `${name}-sees`, { resources: ['sessions'], verbs: ['get'] });
    const file = join(world.env.workDir, `${name}.json`);
    writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [...opens, ...sees] }));
    await world.tryKubectl('create', 'serviceaccount', name);
    try {
      await world.kubectl('apply', '-f', file);
      const token = await world.token(name);
      await withClient(token, async (client) => {
        const session = await client.open({ panel: 'echo' });
        const state = session.resumeState();
        await world.kubectl('delete', 'rolebinding', `${name}-opens`);
        expect(await session.closed).toMatchObject({ kind: 'failed', error: { code: 'IDENTITY_REFUSED' } });
        const resumed = await answerOf(() => withClient(token, (another) => another.resume(state)));
        expect(resumed).toBe('forbidden');
      });
      expect(owned.session.phase).toBe('attached');
    } finally {
      await world.tryKubectl('delete', '-f', file, '--ignore-not-found');
      await world.tryKubectl('delete', 'serviceaccount', name, '--ignore-not-found');
    }
  });

  test.each([2_147_483_647, 2 ** 32, -1, 0])(
    'an operator who sends the fencing number %s moves nothing',
    async (fencing) => {
      const token = await tokenOf('operator');
      const before = (await freshCommand()).fencing;
      const command = { restartUid: 'e2e-fencing', fencing, generation: 1 };
      const lease = { seconds: 5, nanos: 0 };
      const cordon = withGate(token, (gate) => gate.cordon({ command, lease, reason: 'e2e', target: Target.HOST }));
      await expect(cordon).rejects.toBeInstanceOf(Error);
      expect((await freshCommand()).fencing).toBe(before);
      expect(await answerOf(() => acts['cordon and uncordon']?.(token) ?? Promise.reject(new Error()))).toBe('yes');
    },
  );

  test.each(canI)('Kubernetes lets only some %s %s', async (verb, resource, who) => {
    const accounts = [
      'e2e-user',
      'e2e-operator',
      'e2e-admin',
      'e2e-nobody',
      'panelet-controller',
      'panelet-agent',
      'panelet-host',
    ];
    const allowed: string[] = [];
    for (const name of accounts) {
      const as = `system:serviceaccount:${world.env.namespace}:${name}`;
      const [kind = '', sub] = resource.split('/');
      const words = sub === undefined || kind === 'pods' ? [kind] : [resource];
      const { stdout } = await world.tryKubectl(
        'auth',
        'can-i',
        verb,
        ...words,
        ...(kind === 'pods' && sub !== undefined ? [`--subresource=${sub}`] : []),
        '--as',
        as,
      );
      if (stdout.trim() === 'yes') allowed.push(name);
    }
    expect(allowed).toEqual(who);
  });

  test('no port without authentication but the one for probes, and that answers probes only', async () => {
    for (const pod of world.watch.pods()) {
      const component = pod.metadata.labels?.['panelet.dev/component'];
      if (component === undefined) continue;
      if (world.env.ownCluster !== undefined) {
        const ports = { agent: [7080, 7443, 7444, 7445], controller: [7080, 7444], host: [] }[component];
        expect({ component, ports: listeningPorts(pod.metadata.uid ?? '') }).toEqual({ component, ports });
      }
      if (component === 'host') continue;
      if (component === 'agent') expect(await letsIn(await world.reach(pod, 7445))).toBe(false);
      const probes = await world.reach(pod, 7080);
      const statusOf = async (path: string): Promise<number> => (await fetch(`http://${probes}${path}`)).status;
      expect(await statusOf('/livez')).toBe(200);
      expect(await statusOf('/readyz')).toBe(200);
      expect(await statusOf('/metrics')).toBe(404);
      expect(await statusOf('/')).toBe(404);
      const metrics = `https://${await world.reach(pod, 7444)}/metrics`;
      expect((await get(metrics)).status).toBe(401);
      expect((await get(metrics, 'nonsense')).status).toBe(401);
      const plain = (await world.kubectl('create', 'token', account('nobody'))).trim();
      expect((await get(metrics, plain)).status).toBe(403);
    }
  });

  test('metrics are there for who may read them', async () => {
    const name = `e2e-metrics-${randomUUID().slice(0, 8)}`;
    // Controllers count what they have done themselves, since they were started.
    const shell = await openShell(await world.client(node));
    const { metadata } = await annotateRestart(world);
    expect((await restartOver(world, metadata.name)).status?.phase).toBe('Succeeded');
    expect((await shell.finish(20_000)).failures).toEqual([]);
    await world.kubectl('create', 'clusterrole', name, '--verb=get', '--non-resource-url=/metrics');
    await world.kubectl(
      'create',
      'clusterrolebinding',
      name,
      `--clusterrole=${name}`,
      `--serviceaccount=${world.env.namespace}:${account('nobody')}`,
    );
    try {
      const token = (await world.kubectl('create', 'token', account('nobody'))).trim();
      const texts = new Map<string, string>();
      for (const pod of world.watch.pods()) {
        const component = pod.metadata.labels?.['panelet.dev/component'] ?? '';
        if (component === 'host' || component === '' || pod.status?.podIP === undefined) continue;
        const url = `https://${await world.reach(pod, 7444)}/metrics`;
        await waitFor('the new right to be known', async () => (await get(url, token)).status === 200, 30_000);
        texts.set(component, `${texts.get(component) ?? ''}${(await get(url, token)).body}`);
      }
      expect(texts.get('agent')).toMatch(/^panelet_sessions\{panel="echo"\} [1-9]/m);
      expect(texts.get('agent')).toMatch(/^panelet_certificate_expiry_seconds/m);
      expect(texts.get('controller')).toMatch(/^panelet_leader 1$/m);
      expect(texts.get('controller')).toMatch(/^panelet_leader 0$/m);
      expect(texts.get('controller')).toMatch(/^panelet_restarts_total\{.*\} [1-9]/m);
      expect(texts.get('controller')).toMatch(/^panelet_sessions_total\{outcome="kept"\} [1-9]/m);
    } finally {
      await world.kubectl('delete', 'clusterrole,clusterrolebinding', name);
    }
  });

  test('the authority is replaced under a live stream, and an agent that asks anew has its certificate from the next', async () => {
    const session = await (await world.client(node)).open({ panel: 'echo' });
    const load = startEchoLoad({ session, seed: 9, clock, longestPauseMs: 20 });
    const before = world.trust();
    const signing = (): Promise<string> =>
      world.kubectl('get', 'secret', 'panelet-ca', '-o', 'jsonpath={.data.ca\\.crt}');
    const [signedBefore, issuerBefore] = [await signing(), await issuerOf(node)];
    const wish = `panelet.dev/rotate-ca=${clock.date().getTime()}`;
    await world.kubectl('annotate', 'secret', 'panelet-ca', '--overwrite', wish);
    await waitFor(
      'the next authority to be published',
      () => certificatesOf(world.trust()).length > certificatesOf(before).length,
      60_000,
    );
    expect(certificatesOf(world.trust())).toEqual(expect.arrayContaining(certificatesOf(before)));
    expect(await signing()).toBe(signedBefore);
    await waitFor('the next authority to sign', async () => (await signing()) !== signedBefore, 120_000);
    expect(await issuerOf(node)).toBe(issuerBefore);
    // A client that trusts the bundle comes in, whichever signed the agent's certificate.
    await withClient(await world.token(), (client) => client.listPanels());
    if (world.env.ownCluster !== undefined) {
      const uid = world.pod('agent', node)?.metadata.uid ?? '';
      await world.cluster('exec', node, 'rm', '-rf', `/var/lib/panelet/${world.env.namespace}/identity`);
      const [agent] = podProcesses(/panelet-agent/).filter((process) => isOfPod(process, uid));
      process.kill(agent?.pid ?? 0, 'SIGKILL');
      await waitFor(
        'a certificate of the next',
        async () => !['', issuerBefore].includes(await issuerOf(node)),
        60_000,
      );
      await withClient(await world.token(), (client) => client.listPanels());
    }
    const verdict = await load.finish(60_000);
    expect(verdict.errors).toEqual([]);
    expect(isFlawless(verdict)).toBe(true);
  });

  test('who asked for a restart is on record', async () => {
    const as = `system:serviceaccount:${world.env.namespace}:${account('operator')}`;
    const known = new Set(world.watch.restarts().map(({ metadata }) => metadata.name));
    await world.kubectl(
      'annotate',
      'ds/panelet-agent',
      '--overwrite',
      `panelet.dev/restart=who-${clock.date().getTime()}`,
      '--as',
      as,
    );
    const made = (): string | undefined =>
      world.watch
        .restarts()
        .find(({ metadata }) => metadata.annotations?.['panelet.dev/requested-by'] === as && !known.has(metadata.name))
        ?.metadata.name;
    await waitFor('a restart in the name of the operator', () => made() !== undefined, 30_000);
    await waitFor(
      'it to be over',
      () => world.watch.restart(made() ?? '')?.status?.completionTime !== undefined,
      120_000,
    );
    const log = await world.kubectl('logs', '-l', 'panelet.dev/component=controller', '--tail=-1');
    const lines = log.split('\n').filter((line) => line.includes('"audit":true') && line.includes(made() ?? '-'));
    expect(lines.some((line) => line.includes(as))).toBe(true);
    expect(lines.length).toBeGreaterThan(3);
  });
});
