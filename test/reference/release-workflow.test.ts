import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { shellCommands } from '#test/support/shell-commands.js';

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
}
interface Job {
  readonly permissions?: unknown;
  readonly environment?: string;
  readonly 'timeout-minutes'?: number;
  readonly needs?: readonly string[];
  readonly steps: readonly Step[];
}
interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions: unknown;
  readonly jobs: Readonly<Record<string, Job>>;
}

const text = readFileSync('.github/workflows/release.yml', 'utf8');
const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly scripts: Record<string, string> };
const releaseScript = readFileSync('scripts/release.mjs', 'utf8');

/** What each job needs, and nothing else. */
const permissions: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  test: { contents: 'read' },
  build: { contents: 'read' },
  npm: { 'id-token': 'write' },
  image: { contents: 'read', packages: 'write', 'id-token': 'write' },
  github: { contents: 'write', 'id-token': 'write' },
};
/** What the runner has, beside npm. */
const programs = 'awk cd cosign docker echo gh helm jq sha256sum'.split(' ');

function commandFault([program = '', ...words]: readonly string[]): string | undefined {
  if (program === 'npm' && words[0] === 'run') {
    const [, name = ''] = words;
    return scripts[name] === undefined ? `package.json has no script ${name}` : undefined;
  }
  if (program === 'npm') return ['ci', 'pkg', 'publish'].includes(words[0] ?? '') ? undefined : `npm ${words[0] ?? ''}`;
  if (program.startsWith('.')) return existsSync(program) ? undefined : `there is no ${program}`;
  return programs.includes(basename(program)) ? undefined : `nothing is known of ${program}`;
}

function stepFaults({ uses, run = '', env = {} }: Step): string[] {
  const faults = shellCommands(run).flatMap((words) => commandFault(words) ?? []);
  if (uses !== undefined && !/@[0-9a-f]{40}$/.test(uses)) faults.push(`${uses} is not pinned to a commit`);
  if (run.includes('${{')) faults.push(`an expression is put into a shell: ${run}`);
  const secrets = Object.values(env).filter((value) => value.includes('secrets.'));
  return [...faults, ...secrets.map((value) => `${value} is a secret of the repository`)];
}

/** What is wrong with a workflow, in words. */
function faultsOf(source: string): string[] {
  const { on, permissions: all, jobs } = parse(source) as Workflow;
  const faults = Object.values(jobs).flatMap(({ steps }) => steps.flatMap(stepFaults));
  if (JSON.stringify(Object.keys(on)) !== '["push"]') faults.push('it runs for more than a push');
  if (JSON.stringify(all) !== '{}') faults.push('all jobs have permissions');
  for (const [name, job] of Object.entries(jobs)) {
    if (JSON.stringify(job.permissions) !== JSON.stringify(permissions[name]))
      faults.push(`${name} has other permissions than it needs`);
    if (job['timeout-minutes'] === undefined) faults.push(`${name} has no limit of time`);
    const publishes = JSON.stringify(job.permissions).includes('write');
    if (publishes && job.environment !== 'release') faults.push(`${name} publishes without the environment release`);
    if (publishes && !job.steps.some(({ run = '' }) => run.includes('sha256sum --check SHA256SUMS')))
      faults.push(`${name} does not look whether it publishes what was built`);
  }
  // What was tested and built is what is published.
  const isBehind = (name: string): boolean =>
    jobs[name]?.needs?.some((other) => other === 'test' || isBehind(other)) ?? false;
  const early = ['npm', 'image', 'github'].filter((name) => !isBehind(name));
  return [...faults, ...early.map((name) => `${name} does not wait for the tests`)];
}

describe('the workflow of a release', () => {
  test('calls what there is, with no more rights than it needs, and nothing that could change under it', () => {
    expect(faultsOf(text)).toEqual([]);
  });

  test('has scripts that a shell can read', () => {
    const runs = Object.values((parse(text) as Workflow).jobs).flatMap(({ steps }) =>
      steps.flatMap(({ run }) => run ?? []),
    );
    expect(runs.length).toBeGreaterThan(10);
    const read = runs.map((run) => spawnSync('bash', ['-n'], { input: run, encoding: 'utf8' }).stderr);
    expect(read.filter((said) => said !== '')).toEqual([]);
  });

  test('says of each action which version its commit is', () => {
    const uses = text.split('\n').filter((line) => line.includes('uses:'));
    expect(uses.length).toBeGreaterThan(5);
    expect(uses.filter((line) => !/@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(line))).toEqual([]);
  });

  test('takes the commit of an action for one version only', () => {
    const pins = new Set([...text.matchAll(/uses: (.+)/g)].map(([, pin]) => pin));
    const actions = [...pins].map((pin) => pin?.replace(/@.*/, ''));
    expect(actions.length).toBe(new Set(actions).size);
  });

  test('publishes files that npm run release makes', () => {
    const files = ['panelet-chart-${version}.tgz', 'panelet-${version}.sbom.cdx.json', 'SHA256SUMS', 'NOTES.md'];
    expect(files.filter((file) => !releaseScript.includes(file))).toEqual([]);
    const asked = files.map((file) => file.replace('${version}', '${GITHUB_REF_NAME#v}'));
    expect(asked.filter((file) => !text.includes(file))).toEqual([]);
  });

  test.each([
    ['npm run release', 'npm run nothing', 'package.json has no script nothing'],
    ['.ci/run', '.ci/nothing', 'there is no .ci/nothing'],
    ['sha256sum --check SHA256SUMS', 'curl example.org', 'nothing is known of curl'],
    [
      'checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd',
      'checkout@v6',
      'actions/checkout@v6 is not pinned to a commit',
    ],
    ['permissions: {}', 'permissions: write-all', 'all jobs have permissions'],
    ['      packages: write', '      actions: write', 'image has other permissions than it needs'],
    ['  push:\n', '  pull_request_target:\n  push:\n', 'it runs for more than a push'],
    [
      '"$IMAGE"',
      '"${{ github.ref_name }}"',
      'an expression is put into a shell: cosign sign --yes "${{ github.ref_name }}"',
    ],
    ['${{ github.token }}', '${{ secrets.NPM_TOKEN }}', '${{ secrets.NPM_TOKEN }} is a secret of the repository'],
    ['needs: [test, build]', 'needs: [build]', 'npm does not wait for the tests'],
    ['    environment: release\n', '', 'npm publishes without the environment release'],
    ['    timeout-minutes: 120\n', '', 'test has no limit of time'],
  ])('where %j is %j is found: %s', (before, after, fault) => {
    expect(text).toContain(before);
    expect(faultsOf(text.replace(before, after))).toContain(fault);
  });
});

test('a change is tested by what a release is tested by, and may write nothing', () => {
  const ci = parse(readFileSync('.github/workflows/ci.yml', 'utf8')) as Workflow;
  const release = parse(text) as Workflow;
  const whatRuns = ({ jobs }: Workflow): unknown[] => jobs['test']?.steps.map(({ uses, run }) => uses ?? run) ?? [];
  expect(whatRuns(ci)).toEqual(whatRuns(release));
  expect(ci.permissions).toEqual({ contents: 'read' });
  expect(Object.keys(ci.on).sort()).toEqual(['pull_request', 'push']);
});
