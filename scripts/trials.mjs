/** `npm run trials [-- part]`: what `npm test` samples, at every point, and long tests; then what needs the machine for itself. */
import { spawnSync } from 'node:child_process';

const part = process.argv.slice(2);
for (const config of ['exhaustive.config.js', 'jest.config.js']) {
  const jest = ['run', '--silent', 'jest', '--', '--passWithNoTests', '--config', `test/trials/${config}`, ...part];
  if (spawnSync('npm', jest, { stdio: 'inherit' }).status !== 0) process.exitCode = 1;
}
