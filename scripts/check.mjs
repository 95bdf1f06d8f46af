/**
 * Everything that must hold before a change lands, in one command: generated code, types, lint, format, arrows between
 * rooms, unused code, protos, tests. `--static` leaves the tests out. What only reads runs two at a time, as each uses one
 * processor.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

const rooms = [
  'common',
  'kube',
  'session',
  'client',
  'worker',
  'panel',
  'agent',
  'controller',
  'devcluster',
  'examples',
  'test',
];
const bin = (name) => join('node_modules', '.bin', name);

/** All generated files by path, to compare before and after generation. */
function generated(folder = 'proto/gen', found = new Map()) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) generated(path, found);
    else found.set(path, readFileSync(path, 'utf8'));
  }
  return found;
}

function run(command, args, options = {}) {
  const done = spawnSync(command, args, { stdio: 'inherit', ...options });
  return done.status === 0;
}

function generateIsClean() {
  const before = generated();
  if (!run('npm', ['run', '--silent', 'generate'])) return false;
  const after = generated();
  const stale = [...new Set([...before.keys(), ...after.keys()])].filter(
    (path) => before.get(path) !== after.get(path),
  );
  for (const path of stale) console.error(`${path} was not up to date: commit what "npm run generate" wrote.`);
  return stale.length === 0;
}

function lockNamesNoRegistry() {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'));
  const foreign = Object.entries(packages).filter(
    ([, { resolved, link }]) =>
      link !== true && resolved !== undefined && !resolved.startsWith('https://registry.npmjs.org/'),
  );
  for (const [path, { resolved }] of foreign) console.error(`package-lock.json: ${path} comes from ${resolved}.`);
  return foreign.length === 0;
}

/** Starts a check, and resolves with what it printed once it is over. */
async function check(name, command, args) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (printed += text));
  const [code] = await once(child, 'close');
  return { name, holds: code === 0, printed };
}

// One after the other: these write what the others read.
const steps = [
  ['lock file names no registry of its own', lockNamesNoRegistry],
  ['generated code is up to date', generateIsClean],
  ['buf lint', () => run(join('..', bin('buf')), ['lint'], { cwd: 'proto' })],
];
// The longest first.
const checks = [
  ['eslint', bin('eslint'), ['--max-warnings', '0', '.']],
  ['types', bin('tsc'), ['--noEmit']],
  ['types of the page', bin('tsc'), ['--noEmit', '--project', 'client/board/page']],
  ['types of its tests', bin('tsc'), ['--noEmit', '--project', 'test/board']],
  ['prettier', bin('prettier'), ['--check', '--log-level', 'warn', '.']],
  ['arrows between rooms', bin('depcruise'), ['--output-type', 'err', ...rooms]],
  ['floors and halls', process.execPath, ['scripts/house.mjs', '--check']],
  ['unused code', bin('knip'), ['--no-progress']],
];
const isStatic = process.argv.includes('--static');

const names = [...steps, ...checks, ...(isStatic ? [] : [['tests']])].map(([name]) => name);
console.log(`Everything that must hold: ${names.join(', ')}.`);
console.log('The static checks take 1 to 3 minutes, the tests 4 to 7.');
const failed = [];
for (const [name, step] of steps) {
  console.log(`── ${name}`);
  if (!step()) failed.push(name);
}
async function takeChecks(waiting) {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const { name, holds, printed } = await check(...next);
    console.log(`── ${name}`);
    process.stdout.write(printed);
    if (!holds) failed.push(name);
  }
}
await Promise.all([takeChecks(checks), takeChecks(checks)]);
if (!isStatic) {
  console.log('── tests');
  if (!run('npm', ['test', '--silent'])) failed.push('tests');
}
if (failed.length > 0) console.error(`\nFailed: ${failed.join(', ')}.`);
process.exitCode = failed.length > 0 ? 1 : 0;
