import { randomUUID } from 'node:crypto';
import { request as callApi } from 'node:https';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createKeyRequest } from '#agent/tls/key-request.js';
import { runProgram, type ProgramResult } from './support/run-program.js';
import { openWorld, type World } from './support/world.js';

let world: World;
let node: string;

/** Who may restart; each a service account of its own, with the role of the chart that it is named after. */
const people = ['operator', 'admin'] as const;
const account = (who: (typeof people)[number]): string => `e2e-least-${who}`;
const serviceAccount = (name: string): string => `system:serviceaccount:${world.env.namespace}:${name}`;

beforeAll(async () => {
  world = await openWorld();
  await world.settled();
  node = world.nodeNames()[0] ?? '';
  for (const who of people) {
    const subject = `--serviceaccount=${world.env.namespace}:${account(who)}`;
    await world.tryKubectl('create', 'serviceaccount', account(who));
    await world.tryKubectl('create', 'rolebinding', account(who), `--clusterrole=panelet-${who}`, subject);
  }
});
afterAll(async () => {
  for (const who of people) {
    await world.tryKubectl('delete', 'serviceaccount,rolebinding', account(who), '--ignore-not-found');
  }
  await world.close();
});

/** What becomes of a new object. */
function create(manifest: object, ...more: readonly string[]): Promise<ProgramResult> {
  const { kubectl, kubeconfig, namespace } = world.env;
  const args = ['--kubeconfig', kubeconfig, '-n', namespace, 'create', '-f', '-', ...more];
  return runProgram(kubectl, args, { input: JSON.stringify(manifest) });
}

interface Reply {
  readonly status: number;
  readonly body: string;
}

/** What becomes of a patch by the controller's account, which reads nothing first, as kubectl would. */
async function patchAsController(path: string, patch: object): Promise<Reply> {
  const server = await world.kubectl('config', 'view', '--minify', '-o', 'jsonpath={.clusters[0].cluster.server}');
  const token = (await world.kubectl('create', 'token', 'panelet-controller')).trim();
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/strategic-merge-patch+json' };
  const url = `${server}${path.replace('{namespace}', world.env.namespace)}`;
  return new Promise((resolve, reject) => {
    const call = callApi(url, { method: 'PATCH', rejectUnauthorized: false, headers }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    call.on('error', reject);
    call.end(JSON.stringify(patch));
  });
}

/** What a change of a DaemonSet would show in. */
async function stateOf(daemonSet: string): Promise<string> {
  const fields = '{.metadata.generation} {.metadata.labels} {.metadata.annotations}';
  return world.kubectl('get', 'daemonset', daemonSet, '-o', `jsonpath=${fields}`);
}

describe('least privilege', () => {
  test.each([
    'set image daemonset/panelet-agent agent=example/another:1',
    'rollout restart daemonset/panelet-agent',
    'label daemonset/panelet-host another=label',
    'annotate daemonset/panelet-host --overwrite panelet.dev/gate-daemonset=another',
    'annotate daemonset/panelet-agent panelet.dev/rollout-',
    'annotate daemonset/panelet-agent --overwrite panelet.dev/requested-by=another',
  ])('a DaemonSet is not changed by who may restart it: %s', async (command) => {
    const [target = ''] = /panelet-(agent|host)/.exec(command) ?? [];
    const before = await stateOf(target);
    for (const who of people) {
      const { code, stderr } = await world.tryKubectl(...command.split(' '), '--as', serviceAccount(account(who)));
      // Where the API server stamps who asked, what is claimed is undone instead.
      if (command.includes('requested-by') && code === 0) continue;
      expect(stderr).toContain('panelet-requests-only');
      expect(stderr).toMatch(/panelet\.dev\/restart/);
    }
    expect(await stateOf(target)).toBe(before);
  });

  test('another DaemonSet of the namespace is out of reach of who may restart, and of the controller', async () => {
    const name = `another-${randomUUID().slice(0, 8)}`;
    const labels = { app: name };
    const nodeSelector = { 'kubernetes.io/os': 'none' };
    const pod = { nodeSelector, containers: [{ name: 'a', image: 'example/another:1' }] };
    const spec = { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: pod } };
    const manifest = { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name }, spec };
    expect((await create(manifest)).code).toBe(0);
    try {
      const as = serviceAccount(account('operator'));
      const annotated = await world.tryKubectl('annotate', `daemonset/${name}`, 'panelet.dev/restart=now', '--as', as);
      expect(annotated.stderr).toContain(`cannot patch resource "daemonsets"`);
      const patch = { metadata: { annotations: { 'panelet.dev/restart-observed': '1:now' } } };
      const reply = await patchAsController(`/apis/apps/v1/namespaces/{namespace}/daemonsets/${name}`, patch);
      expect(reply.status).toBe(403);
    } finally {
      await world.kubectl('delete', 'daemonset', name);
    }
  });

  test('the controller’s account claims a pod, and changes nothing else', async () => {
    const pod = world.pod('agent', node)?.metadata.name ?? '';
    const path = `/api/v1/namespaces/{namespace}/pods/${pod}`;
    const image = { spec: { containers: [{ name: 'agent', image: 'example/another:1' }] } };
    for (const patch of [image, { metadata: { labels: { another: 'label' } } }]) {
      const reply = await patchAsController(path, patch);
      expect(reply).toMatchObject({ status: 403 });
      expect(reply.body).toContain('panelet-claims-only');
    }
    const target = '/apis/apps/v1/namespaces/{namespace}/daemonsets/panelet-agent';
    const template = { spec: { template: image } };
    expect((await patchAsController(target, template)).body).toContain('panelet-requests-only');
    // The same account does its work: restarts of the tests before and after this one show it.
    expect((await patchAsController(path, { metadata: { annotations: {} } })).status).toBe(200);
  });

  test('agents ask for certificates of their own signer only', async () => {
    const podIp = undefined;
    const { request } = await createKeyRequest({ node: 'a', namespace: 'b', serviceName: 'c', podIp });
    const name = `e2e-${randomUUID().slice(0, 8)}`;
    const spec = {
      ...{ signerName: 'kubernetes.io/kube-apiserver-client', usages: ['client auth'] },
      request: Buffer.from(request).toString('base64'),
    };
    const kind = 'CertificateSigningRequest';
    const manifest = { apiVersion: 'certificates.k8s.io/v1', kind, metadata: { name }, spec };
    const { code, stderr } = await create(manifest, '--as', serviceAccount('panelet-agent'));
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('panelet-own-signer') });
  });

  test('of an agent’s pod the container of the agent alone has its token', async () => {
    const pod = world.pod('agent', node);
    const where = '/var/run/secrets/kubernetes.io/serviceaccount';
    const found: string[] = [];
    const { containers = [], initContainers = [] } = (pod?.spec ?? {}) as {
      containers?: readonly { name: string }[];
      initContainers?: readonly { name: string }[];
    };
    for (const { name } of [...containers, ...initContainers]) {
      if (name === 'prepare') continue;
      const list = ['exec', pod?.metadata.name ?? '', '-c', name, '--', 'ls', where];
      const { code, stdout, stderr } = await world.tryKubectl(...list);
      if (code !== 0) expect(stderr).toContain('No such file');
      else found.push(`${name}: ${stdout.trim().split(/\s+/).join(' ')}`);
    }
    expect(found).toEqual(['agent: ca.crt namespace token']);
  });
});
