/**
 * `npm run test:versions`: the unit tests on the oldest and the newest promised version of Node.js, each from the package
 * `node`, which carries the program. With versions, on these. Each ends with its own line `N passed, N failed`.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const promised = ['20.19.0', '24'];
// Tests of real processes run in `npm test`, on the version that this machine has.
const places = ['agent', 'client', 'common', 'controller', 'devcluster', 'kube', 'session', 'worker', 'test/support'];
const asked = process.argv.slice(2);

for (const version of asked.length === 0 ? promised : asked) {
  const jest = `node --version && npm run --silent jest -- --config test/jest.config.js --silent ${places.map((place) => `'${join(process.cwd(), place)}/'`).join(' ')}`;
  // The package unpacks the program in a script of its own, which this repository otherwise allows nobody.
  const args = ['exec', '--yes', '--ignore-scripts=false', `--package=node@${version}`, '-c', jest];
  process.stdout.write(`── unit tests on Node.js ${version}\n`);
  if (spawnSync('npm', args, { stdio: 'inherit' }).status !== 0) process.exitCode = 1;
}
