import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { cliOutputOf, cliWordsAt } from '#test/support/cli-words.js';
import { shellCommands, type ShellCommand } from '#test/support/shell-commands.js';

const guides = readdirSync('docs/guide').map((name) => join('docs/guide', name));
const pages = ['README.md', 'CONTRIBUTING.md', ...guides];
const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
const values = parse(readFileSync('charts/panelet/values.yaml', 'utf8')) as unknown;
const annotations = readFileSync('docs/reference/annotations.md', 'utf8');

const kubectlVerbs = new Set(
  'annotate api-resources apply attach auth config cp create delete describe drain exec explain get label logs patch port-forward rollout run scale top wait'.split(
    ' ',
  ),
);
const helmVerbs = new Set(['install', 'upgrade', 'uninstall', 'rollback', 'test', 'template']);
// Of the machine; what is theirs is not looked at.
const others = new Set([
  'buf',
  'go',
  'cat',
  'cosign',
  'echo',
  'cd',
  'cp',
  'date',
  'eval',
  'export',
  'git',
  'grep',
  'grpcurl',
  'ln',
  'mkdir',
  'pip',
  'source',
  'uuid',
]);

/** What is wrong with a command, in words. */
type Fault = string | undefined;

const flagsOf = (words: ShellCommand): string[] =>
  words.filter((word) => /^--?[a-zA-Z]/.test(word)).map((word) => word.replace(/=.*/, ''));

/** Sources of the program that an npm script runs. */
function sourcesOf(script: string): string {
  const bundles = readFileSync('scripts/programs.mjs', 'utf8');
  const ours = /node (scripts\/[\w-]+\.mjs)$/.exec(script)?.[1];
  const text = ours === undefined ? script : script + readFileSync(ours, 'utf8');
  const named = /^node scripts\/run\.mjs ([\w-]+)$/.exec(script)?.[1];
  const program = named ?? [...text.matchAll(/dist\/bin\/([\w-]+)\.js/g)].at(-1)?.[1] ?? '';
  const main = new RegExp(`'?${program}'?: '([\\w/.-]+)'`).exec(bundles)?.[1];
  if (main === undefined) return text;
  const directory = dirname(main);
  const files = readdirSync(directory).filter((name) => name.endsWith('.ts'));
  return text + files.map((name) => readFileSync(join(directory, name), 'utf8')).join('\n');
}

function npmFault([, verb = '', ...rest]: ShellCommand): Fault {
  if (['audit', 'ci', 'install'].includes(verb)) return undefined;
  const [name = '', ...words] =
    verb === 'run' ? rest.filter((word) => !['-s', '--silent'].includes(word)) : [verb, ...rest];
  const script = scripts[name];
  if (script === undefined) return `package.json has no script ${name}`;
  if (script.includes('jest')) return undefined;
  const sources = sourcesOf(script);
  const unknown = flagsOf(words.slice(words.indexOf('--') + 1)).filter((flag) => !sources.includes(flag));
  return unknown.length === 0 ? undefined : `npm run ${name} has no ${unknown.join(', ')}`;
}

async function cliFault(words: ShellCommand): Promise<Fault> {
  const [, ...rest] = words;
  const path: string[] = [];
  let known = await cliWordsAt('');
  for (const word of rest) {
    if (word.startsWith('-')) break;
    if (!known.includes(word)) {
      if (path.length === 0) return `the CLI has no command ${word}`;
      break;
    }
    path.push(word);
    known = await cliWordsAt(...path, '');
  }
  const short = [...(await cliOutputOf(...path, '--help')).matchAll(/^ {2}(-[a-zA-Z]), --/gm)].map(
    ([, flag = '']) => flag,
  );
  const flags = [...short, ...(await cliWordsAt('-')), ...(await cliWordsAt(...path, '-'))];
  const own = rest.includes('--') ? rest.slice(0, rest.indexOf('--')) : rest;
  const unknown = flagsOf(own).filter((flag) => !flags.includes(flag));
  return unknown.length === 0 ? undefined : `panelet ${path.join(' ')} has no ${unknown.join(', ')}`;
}

function kubectlFault(words: ShellCommand): Fault {
  const plain = words
    .slice(1)
    .filter((word, index, all) => !['-n', '--namespace'].includes(word) && all[index - 1] !== '-n');
  const [verb = ''] = plain;
  if (!kubectlVerbs.has(verb)) return `kubectl has no ${verb}`;
  const named = verb === 'annotate' ? plain.flatMap((word) => /^(panelet\.dev\/[\w-]+)=/.exec(word)?.[1] ?? []) : [];
  const unknown = named.filter((name) => !annotations.includes(`\`${name}\``));
  return unknown.length === 0 ? undefined : `docs/reference/annotations.md has no ${unknown.join(', ')}`;
}

function hasValue(path: string): boolean {
  let value: unknown = values;
  for (const key of path.split('.')) {
    if (typeof value !== 'object' || value === null || !(key in value)) return false;
    value = (value as Record<string, unknown>)[key];
  }
  return true;
}

function helmFault(words: ShellCommand): Fault {
  const verb = words.find((word) => helmVerbs.has(word));
  if (verb === undefined) return `helm has none of these: ${words.join(' ')}`;
  const chart = words.find((word) => word.startsWith('charts/'));
  if (chart !== undefined && !existsSync(join(chart, 'Chart.yaml'))) return `there is no chart ${chart}`;
  const settings = words.filter((_, index) => ['--set', '--set-string'].includes(words[index - 1] ?? ''));
  const keys = settings.flatMap((setting) => setting.split(',')).map((setting) => setting.replace(/=.*/, ''));
  const unknown = keys.filter((key) => !hasValue(key));
  return unknown.length === 0 ? undefined : `charts/panelet/values.yaml has no ${unknown.join(', ')}`;
}

function dockerFault(words: ShellCommand): Fault {
  const dockerfile = readFileSync('Dockerfile', 'utf8');
  const set = words.filter((_, index) => words[index - 1] === '--build-arg').map((word) => word.replace(/=.*/, ''));
  const unknown = set.filter((name) => !new RegExp(`^ARG ${name}\\b`, 'm').test(dockerfile));
  return unknown.length === 0 ? undefined : `the Dockerfile has no ARG ${unknown.join(', ')}`;
}

function filesFault(words: ShellCommand): Fault {
  const files = words.filter((word) => /^(panelet\/[\w/]+\.proto|(scripts|test|charts)\/[\w./-]+)$/.test(word));
  const missing = files.filter((file) => !existsSync(file) && !existsSync(join('proto', file)));
  return missing.length === 0 ? undefined : `there is no ${missing.join(', ')}`;
}

/** What is wrong with a command of a page: a script, command, flag, verb, value or file that it names and that is not there. */
async function commandFault(words: ShellCommand): Promise<Fault> {
  const [program = '', ...rest] = words;
  if (program === 'xargs') return commandFault(rest.slice(rest.findIndex((word) => !word.startsWith('-'))));
  if (program === 'npm') return npmFault(words);
  if (program === 'panelet') return cliFault(words);
  if (program === 'kubectl') return rest[0] === 'panelet' ? cliFault(rest) : kubectlFault(words);
  if (program === 'helm') return helmFault(words);
  if (program === 'docker') return dockerFault(words);
  if (['node', 'python', 'bash'].includes(program) || /^(test|scripts)\//.test(program)) return filesFault(words);
  return others.has(basename(program)) ? undefined : `nothing is known of ${program}`;
}

function commandsOf(page: string): ShellCommand[] {
  const blocks = readFileSync(page, 'utf8').matchAll(/^ *```sh\n([^]*?)^ *```$/gm);
  return [...blocks].flatMap(([, block = '']) => shellCommands(block));
}

describe('commands as they are printed', () => {
  const all = pages.flatMap((page) => commandsOf(page).map((words) => ({ page, words, line: words.join(' ') })));

  test('are found', () => {
    expect(new Set(all.map(({ page }) => page)).size).toBeGreaterThan(6);
    expect(all.length).toBeGreaterThan(40);
  });

  test.each(all)('$page: $line', async ({ words }) => {
    expect(await commandFault(words)).toBeUndefined();
  });
});

describe('a command that is not there is found', () => {
  test.each([
    ['npm run nothing', 'package.json has no script nothing'],
    ['npm run soak -- --nothing 1', 'npm run soak has no --nothing'],
    ['panelet exec -q -- true', 'panelet exec has no -q'],
    ['panelet nothing', 'the CLI has no command nothing'],
    ['kubectl panelet attach --nothing', 'panelet attach has no --nothing'],
    ['kubectl -n panelet-system nothing', 'kubectl has no nothing'],
    ['kubectl annotate ds/x panelet.dev/nothing=1', 'docs/reference/annotations.md has no panelet.dev/nothing'],
    ['helm install x charts/nothing', 'there is no chart charts/nothing'],
    ['helm install x charts/panelet --set image.nothing=1', 'charts/panelet/values.yaml has no image.nothing'],
    ['docker build --build-arg NOTHING=1 .', 'the Dockerfile has no ARG NOTHING'],
    ['node scripts/nothing.mjs', 'there is no scripts/nothing.mjs'],
    ['nothing', 'nothing is known of nothing'],
  ])('%s', async (script, fault) => {
    const [words = []] = shellCommands(script);
    expect(await commandFault(words)).toBe(fault);
  });
});
