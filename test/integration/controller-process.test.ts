import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';

import type { StoredObject } from '#devcluster/store/kube-object.js';
import { createTestCertificate } from '#test/support/agent/certificate.js';
import { startRunningApi, type RunningApi } from '#test/support/running-api.js';
import { waitFor } from '#test/support/wait-for.js';

interface LeaseObject extends StoredObject {
  readonly spec?: { readonly holderIdentity?: string; readonly leaseTransitions?: number };
}

interface Program {
  readonly child: ChildProcess;
  output(): string;
  readonly ended: Promise<number | null>;
}

let api: RunningApi;
let dir: string;
let tokenFile: string;
const running = new Set<Program>();

beforeAll(async () => {
  api = await startRunningApi();
  dir = mkdtempSync(join(tmpdir(), 'panelet-controller-'));
  tokenFile = join(dir, 'token');
  writeFileSync(tokenFile, 'gate-token\n');
}, 60_000);

afterEach(async () => {
  for (const program of running) program.child.kill('SIGKILL');
  await Promise.all([...running].map(({ ended }) => ended));
  running.clear();
});

afterAll(async () => {
  await api.close();
  rmSync(dir, { recursive: true, force: true });
});

function start(...args: string[]): Program {
  const file = resolve('dist/bin/panelet-controller.js');
  const child = spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => (output += part.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
  const program: Program = { child, output: () => output, ended };
  running.add(program);
  return program;
}

const good = (): string[] => [
  ...['--kubeconfig', api.kubeconfig, '--gate-token-file', tokenFile],
  ...['--namespace', 'default'],
];
const lease = (): LeaseObject | undefined => api.store.list<LeaseObject>('leases', { ns: 'default' }).items[0];

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('the program panelet-controller', () => {
  test.each<[string, () => string[], string]>([
    ['without a way to reach gates', () => ['--kubeconfig', api.kubeconfig], 'CONFIG_INVALID: Say how to reach gates'],
    [
      'with two ways to have certificates',
      () => [...good(), '--ca-secret', 'panelet-ca', '--gate-ca-file', tokenFile],
      'CONFIG_INVALID: Give either --ca-secret or',
    ],
    [
      'with half a certificate',
      () => [...good(), '--gate-cert-file', tokenFile],
      'CONFIG_INVALID: --gate-cert-file, --gate-key-file and --gate-ca-file belong together',
    ],
    [
      'with a certificate that is none',
      () => [...good(), ...['cert', 'key', 'ca'].flatMap((what) => [`--gate-${what}-file`, tokenFile])],
      `CONFIG_INVALID: ${join(tmpdir(), 'panelet-controller-')}`,
    ],
    [
      'with metrics and no certificate for them',
      () => [...good(), '--metrics-address', ':7444'],
      'CONFIG_INVALID: --metrics-address needs a certificate',
    ],
    ['with an address that is none', () => [...good(), '--health-address', 'here'], 'CONFIG_INVALID: --health-address'],
    ['with an unknown option', () => [...good(), '--nope'], 'CONFIG_INVALID'],
    [
      'with a kubeconfig that is not there',
      () => ['--kubeconfig', '/no/such', '--gate-token-file', tokenFile],
      'KUBECONFIG_INVALID: Cannot load /no/such',
    ],
    [
      'with a kubeconfig that is none',
      () => ['--kubeconfig', tokenFile, '--gate-token-file', tokenFile],
      'KUBECONFIG_INVALID',
    ],
    [
      'with a token file that is not there',
      () => ['--kubeconfig', api.kubeconfig, '--gate-token-file', '/no/such'],
      'CONFIG_INVALID: Cannot read the token file /no/such',
    ],
    ['with a lease that is too short', () => [...good(), '--lease-seconds', '1'], 'CONFIG_INVALID: --lease-seconds'],
  ])('%s says what is wrong and exits with 2', async (_what, args, expected) => {
    const program = start(...args());
    expect(await program.ended).toBe(2);
    expect(program.output()).toContain(`panelet-controller: ${expected}`);
    expect(program.output().trim().split('\n')).toHaveLength(1);
  });

  test('leads, answers its probes, and on SIGTERM gives the lease back and exits with 0', async () => {
    const port = await freePort();
    const program = start(...good(), '--identity', 'first', '--health-address', `127.0.0.1:${port}`);
    await waitFor('a leader', () => (lease()?.spec?.holderIdentity ?? '').startsWith('first_'), 20_000);
    const probe = async (path: string): Promise<number> => (await fetch(`http://127.0.0.1:${port}${path}`)).status;
    await waitFor('readiness', async () => (await probe('/readyz')) === 200, 10_000);
    expect([await probe('/livez'), await probe('/healthz'), await probe('/other')]).toEqual([200, 200, 404]);
    program.child.kill('SIGTERM');
    expect(await program.ended).toBe(0);
    expect(lease()?.spec?.holderIdentity).toBe('');
  }, 40_000);

  test('waits for the one that leads, and takes over when that one ends', async () => {
    const first = start(...good(), '--identity', 'first');
    await waitFor('a leader', () => (lease()?.spec?.holderIdentity ?? '').startsWith('first_'), 20_000);
    const before = lease()?.spec?.leaseTransitions ?? 0;
    start(...good(), '--identity', 'second');
    first.child.kill('SIGTERM');
    expect(await first.ended).toBe(0);
    await waitFor('the other', () => (lease()?.spec?.holderIdentity ?? '').startsWith('second_'), 20_000);
    expect(lease()?.spec?.leaseTransitions).toBe(before + 1);
  }, 60_000);

  test('serves its metrics over TLS, and to nobody whom the API server does not know', async () => {
    const certificate = await createTestCertificate('controller');
    const port = await freePort();
    const { certFile, keyFile } = certificate;
    const options = ['--gate-cert-file', certFile, '--gate-key-file', keyFile, '--gate-ca-file', certFile];
    const program = start(...good(), ...options, '--metrics-address', `127.0.0.1:${port}`);
    const ca = readFileSync(certificate.certFile);
    const code = (): Promise<number | undefined> =>
      new Promise((resolve) => {
        get({ host: '127.0.0.1', servername: 'localhost', port, ca, path: '/metrics' }, (response) => {
          response.resume();
          resolve(response.statusCode);
        }).on('error', () => resolve(undefined));
      });
    await waitFor('metrics', async () => (await code()) !== undefined, 20_000);
    expect(await code()).toBe(401);
    program.child.kill('SIGTERM');
    expect(await program.ended).toBe(0);
    await certificate.close();
  }, 40_000);

  test('cleans up a namespace and says what it did', async () => {
    const program = start('cleanup', '--kubeconfig', api.kubeconfig, '--namespace', 'default', '--timeout', '1s');
    expect(await program.ended).toBe(0);
    expect(program.output()).toBe('No PanelRestart in default.\nDone: nothing of Panelet is under way any more.\n');
  }, 40_000);

  test('without an API server keeps trying and ends when it is asked to', async () => {
    const port = await freePort();
    const kubeconfig = join(dir, 'nobody.yaml');
    const cluster = { name: 'c', cluster: { server: `https://127.0.0.1:${port}` } };
    const context = { name: 'x', context: { cluster: 'c', user: 'u' } };
    const text = {
      clusters: [cluster],
      contexts: [context],
      users: [{ name: 'u', user: { token: 't' } }],
      'current-context': 'x',
    };
    writeFileSync(kubeconfig, JSON.stringify(text));
    const program = start('--kubeconfig', kubeconfig, '--gate-token-file', tokenFile);
    await waitFor('a word about it', () => program.output().includes('API_UNAVAILABLE'), 20_000);
    expect(program.child.exitCode).toBeNull();
    program.child.kill('SIGTERM');
    expect(await program.ended).toBe(0);
  }, 60_000);
});
