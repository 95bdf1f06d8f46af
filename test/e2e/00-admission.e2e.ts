import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parseAllDocuments, stringify } from 'yaml';
import { waitFor } from '#test/support/wait-for.js';
import { runProgram } from './support/run-program.js';
import { openWorld, type World } from './support/world.js';

interface Workload {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  /** Not every object has one. */
  readonly spec?: { readonly template?: { readonly spec: Record<string, unknown> } } & Record<string, unknown>;
}

const levels = ['restricted', 'baseline', 'privileged'] as const;
// Names of their own: those of the run before may still be on their way out.
const runId = randomUUID().slice(0, 8);
const namespaceOf = (level: string): string => `e2e-level-${level}-${runId}`;
let world: World;

beforeAll(async () => {
  world = await openWorld();
  for (const level of levels) {
    await world.kubectl('create', 'namespace', namespaceOf(level));
    await world.kubectl('label', 'namespace', namespaceOf(level), `pod-security.kubernetes.io/enforce=${level}`);
  }
});
afterAll(async () => {
  for (const level of levels) await world.tryKubectl('delete', 'namespace', namespaceOf(level), '--wait=false');
  await world.close();
});

/** Pods as the chart's workloads, hooks and tests would make them. */
async function podsOfChart(): Promise<Map<string, Record<string, unknown>>> {
  const { release } = world.env;
  const text = [await world.helm('get', 'manifest', release), await world.helm('get', 'hooks', release)].join(
    '\n---\n',
  );
  const pods = new Map<string, Record<string, unknown>>();
  for (const document of parseAllDocuments(text)) {
    const workload = document.toJS() as Workload | null;
    if (workload === null) continue;
    const spec = workload.kind === 'Pod' ? workload.spec : workload.spec?.template?.spec;
    if (spec !== undefined && 'containers' in spec) pods.set(`${workload.kind} ${workload.metadata.name}`, spec);
  }
  return pods;
}

/** What the server's admission says to a pod in a namespace of a level; nothing is made. */
async function isAdmitted(spec: Record<string, unknown>, level: string): Promise<boolean> {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'probe', namespace: namespaceOf(level) },
    spec: { ...spec, serviceAccountName: 'default', automountServiceAccountToken: false, priorityClassName: undefined },
  };
  const { kubectl, kubeconfig } = world.env;
  const args = ['--kubeconfig', kubeconfig, 'create', '--dry-run=server', '-f', '-'];
  const { code, stderr } = await runProgram(kubectl, args, { input: stringify(pod) });
  if (code !== 0 && !stderr.includes('violates PodSecurity')) throw new Error(stderr);
  return code === 0;
}

test('the strictest Pod Security level that admits each workload is the one that is documented', async () => {
  await waitFor(
    'the service accounts of the namespaces',
    async () => {
      const found = levels.map((level) =>
        world.tryKubectl('get', 'serviceaccount', 'default', '-n', namespaceOf(level)),
      );
      return (await Promise.all(found)).every(({ code }) => code === 0);
    },
    30_000,
  );
  const page = readFileSync(join(world.env.root, 'docs/reference/pod-security.md'), 'utf8');
  const documented = new Map(
    [...page.matchAll(/^\| `(\w+ [\w-]+)` \| (\w+) \|/gm)].map(([, name, level]) => [name, level]),
  );
  const decided = new Map<string, string>();
  for (const [name, spec] of await podsOfChart()) {
    for (const level of levels) {
      if (!decided.has(name) && (await isAdmitted(spec, level))) decided.set(name, level);
    }
  }
  expect(Object.fromEntries(decided)).toEqual(Object.fromEntries(documented));
});
