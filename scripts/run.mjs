/**
 * `npm run soak` and its like: says that it builds, builds, and runs the program in this process. For `--help` only the
 * program itself is built, and nothing said.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const [name] = process.argv.splice(2, 1);
const isHelp = process.argv.some((word) => word === '--help' || word === '-h');
// What the dev cluster runs; everything else may use every program.
const needed = { 'panelet-devcluster': ['panelet-agent', 'panelet-worker', 'panelet-controller', 'panelet', 'board'] }[
  name
];

if (!isHelp) process.stderr.write('Building the programs: 5 to 20 seconds.\n');
const programs = isHelp ? [name] : needed === undefined ? [] : [name, ...needed];
const build = fileURLToPath(new URL('build.mjs', import.meta.url));
const { status } = spawnSync(process.execPath, [build, ...programs], { stdio: ['ignore', 2, 2] });
if (status === 0) await import(`../dist/bin/${name}.js`);
else {
  process.stderr.write('The programs could not be built. Has "npm ci" been run?\n');
  process.exitCode = 1;
}
