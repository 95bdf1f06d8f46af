import { chmodSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A pod of the fake cluster. */
export interface FakePod {
  readonly name: string;
  readonly uid: string;
  readonly node: string;
  /** Port of 127.0.0.1 on which its agent listens. */
  readonly port: number;
  readonly terminating?: boolean;
  /** @default true */
  readonly ready?: boolean;
  /** @default '127.0.0.1' */
  readonly ip?: string;
  /** Its annotation `panelet.dev/via`. */
  readonly via?: string;
  readonly panels?: readonly string[];
}

/** What the fake kubectl answers from. */
export interface FakeClusterState {
  readonly pods: readonly FakePod[];
  /** PEM in the ConfigMap; without it there is none. */
  readonly ca?: string;
  /** Token that is made; without it that is forbidden. */
  readonly token?: string;
  /** What `kubectl` says for commands that begin so, on standard output; `!` first: on standard error, and it fails. */
  readonly answers?: Readonly<Record<string, string>>;
}

/** A kubectl in a directory of its own, for PATH. It behaves as the real one where the CLI uses it. */
export interface FakeKubectl {
  readonly directory: string;
  /** Changes what it answers from, at once. */
  set(state: FakeClusterState): void;
  /** Command lines so far. */
  calls(): readonly string[];
  /** Process ids of every port-forward so far. */
  forwards(): readonly number[];
  close(): void;
}

// A program of its own: it is killed, orphaned and left behind, as the real one would be. With REAL_KUBECTL it passes on
// what it has no answer for.
const program = `#!${process.execPath}
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const dir = __dirname;
const args = process.argv.slice(2);
const state = () => JSON.parse(fs.readFileSync(path.join(dir, 'state.json'), 'utf8'));
const fail = (text) => { process.stderr.write(text + '\\n'); process.exit(1); };
fs.appendFileSync(path.join(dir, 'calls'), args.join(' ') + '\\n');
const line = args.join(' ');
const passOn = () => {
  if (!process.env.REAL_KUBECTL) fail('error: unknown command "' + line + '"');
  const done = require('node:child_process').spawnSync(process.env.REAL_KUBECTL, args, { stdio: 'inherit' });
  process.exit(done.status ?? 1);
};
const podOf = (pod) => ({
  metadata: { name: pod.name, uid: pod.uid, annotations: pod.via ? { 'panelet.dev/via': pod.via } : {}, ...(pod.terminating ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}) },
  spec: {
    nodeName: pod.node,
    containers: [{ name: 'agent', ports: [{ name: 'gate', containerPort: pod.port }] }],
    initContainers: (pod.panels ?? []).map((panel) => ({ name: 'worker-' + panel })),
  },
  status: {
    phase: 'Running',
    podIP: pod.ip ?? '127.0.0.1',
    conditions: [{ type: 'Ready', status: pod.ready === false ? 'False' : 'True' }],
    containerStatuses: [{ name: 'agent', state: { running: {} } }],
  },
});
const forward = () => {
  const name = args.find((arg) => arg.startsWith('pod/')).slice(4);
  const target = () => state().pods.find((pod) => pod.name === name);
  const real = Number(args.find((arg) => arg.startsWith(':')).slice(1));
  if (!process.env.REAL_KUBECTL && target() === undefined) fail('Error from server (NotFound): pods "' + name + '" not found');
  fs.appendFileSync(path.join(dir, 'forwards'), process.pid + '\\n');
  const host = process.env.REAL_KUBECTL
    ? JSON.parse(require('node:child_process').execFileSync(process.env.REAL_KUBECTL, ['get', 'pod', name, '-o', 'json', ...args.filter((arg, at) => !arg.startsWith('pod/') && !arg.startsWith(':') && arg !== 'port-forward' && arg !== '--address' && args[at - 1] !== '--address')])).status.podIP
    : '127.0.0.1';
  const lost = () => fail('error: lost connection to pod');
  const server = net.createServer((near) => {
    // As the real one: that the pod has gone shows at the next connection only.
    if (!process.env.REAL_KUBECTL && target() === undefined) lost();
    process.stdout.write('Handling connection for ' + server.address().port + '\\n');
    const far = net.connect(real, host);
    near.on('error', () => far.destroy());
    near.on('close', () => far.destroy());
    far.on('error', () => fail('E1 portforward.go: failed to connect to localhost: connection refused\\nerror: lost connection to pod'));
    far.on('close', () => near.destroy());
    near.pipe(far).pipe(near);
  });
  server.listen(0, '127.0.0.1', () => process.stdout.write('Forwarding from 127.0.0.1:' + server.address().port + ' -> ' + real + '\\n'));
};
const answer = Object.entries(state().answers ?? {}).find(([start]) => line.startsWith(start));
if (answer !== undefined) answer[1].startsWith('!') ? fail(answer[1].slice(1)) : process.stdout.write(answer[1]);
else if (args[0] === 'port-forward') forward();
else if (line.startsWith('create token ')) {
  const { token } = state();
  if (token === undefined) fail('error: failed to create token: serviceaccounts "' + args[2] + '" is forbidden: User "bob" cannot create resource "serviceaccounts/token" in API group "" in the namespace "panelet-system"');
  process.stdout.write(token + '\\n');
} else if (line.startsWith('get configmap panelet-ca ')) {
  const { ca } = state();
  if (ca === undefined) fail('Error from server (NotFound): configmaps "panelet-ca" not found');
  process.stdout.write(ca);
} else if (line.startsWith('get pods ') && !process.env.REAL_KUBECTL) {
  const node = args.find((arg) => arg.startsWith('spec.nodeName='))?.slice('spec.nodeName='.length);
  const pods = state().pods.filter((pod) => node === undefined || pod.node === node);
  process.stdout.write(JSON.stringify({ items: line.includes('component=host') ? [] : pods.map(podOf) }));
} else if (args[0] === 'get' && args[1] === 'node' && !process.env.REAL_KUBECTL) {
  if (!state().pods.some((pod) => pod.node === args[2])) fail('Error from server (NotFound): nodes "' + args[2] + '" not found');
  process.stdout.write('node/' + args[2] + '\\n');
} else passOn();
`;

/** A fake kubectl that answers from a state; nothing runs in its cluster at first. */
export function createFakeKubectl(): FakeKubectl {
  const directory = mkdtempSync(join(tmpdir(), 'panelet-fake-kubectl-'));
  const linesOf = (name: string): readonly string[] => {
    try {
      return readFileSync(join(directory, name), 'utf8').trim().split('\n');
    } catch {
      return [];
    }
  };
  const set = (state: FakeClusterState): void => {
    const file = join(directory, 'state.json');
    // It may be read at any moment.
    writeFileSync(`${file}.new`, JSON.stringify(state));
    renameSync(`${file}.new`, file);
  };
  set({ pods: [] });
  writeFileSync(join(directory, 'kubectl'), program);
  chmodSync(join(directory, 'kubectl'), 0o755);
  return {
    directory,
    set,
    calls: () => linesOf('calls'),
    forwards: () => linesOf('forwards').map(Number),
    close: () => rmSync(directory, { recursive: true, force: true }),
  };
}
