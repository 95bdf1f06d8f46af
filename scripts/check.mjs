/**
 * Everything that must hold before a change lands, in one command: generated code, types, lint, format, arrows between
 * rooms, unused code, protos, tests. `--static` leaves the tests out.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

const rooms = ['common', 'kube', 'session', 'client', 'worker', 'agent', 'controller', 'devcluster', 'test'];
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

const steps = [
  ['lock file names no registry of its own', lockNamesNoRegistry],
  ['generated code is up to date', generateIsClean],
  ['buf lint', () => run(join('..', bin('buf')), ['lint'], { cwd: 'proto' })],
  ['types', () => run(bin('tsc'), ['--noEmit'])],
  ['eslint', () => run(bin('eslint'), ['--max-warnings', '0', '.'])],
  ['prettier', () => run(bin('prettier'), ['--check', '--log-level', 'warn', '.'])],
  ['arrows between rooms', () => run(bin('depcruise'), ['--output-type', 'err', ...rooms])],
  ['floors and halls', () => run('node', ['scripts/house.mjs', '--check'])],
  ['unused code', () => run(bin('knip'), ['--no-progress'])],
];
if (!process.argv.includes('--static')) steps.push(['tests', () => run('npm', ['test', '--silent'])]);

console.log(`Everything that must hold: ${steps.map(([name]) => name).join(', ')}.`);
console.log('The static checks take 1 to 3 minutes, the tests 4 to 9.');
const failed = [];
for (const [name, step] of steps) {
  console.log(`── ${name}`);
  if (!step()) failed.push(name);
}
if (failed.length > 0) console.error(`\nFailed: ${failed.join(', ')}.`);
process.exit(failed.length > 0 ? 1 : 0);
