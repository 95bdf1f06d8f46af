import { spawnSync } from 'node:child_process';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { describe } from '@jest/globals';

/** An interpreter that has these modules: that of test/e2e/python/setup.sh, or `python3`; undefined where there is none. */
export function findPython(...modules: readonly string[]): string | undefined {
  const homes = [userInfo().homedir, homedir()];
  const candidates = [...homes.map((home) => join(home, '.cache/panelet-e2e/python/bin/python')), 'python3'];
  return candidates.find((python) => spawnSync(python, ['-c', `import ${modules.join(', ')}`]).status === 0);
}

/** Whether this machine has Go. */
export function hasGo(): boolean {
  return spawnSync('go', ['version']).status === 0;
}

/** `describe` where a tool is there that npm does not install; without it the tests are skipped, by name, but not in CI: they fail there. */
export function describeWith(isThere: boolean): typeof describe | typeof describe.skip {
  return isThere || process.env['CI'] !== undefined ? describe : describe.skip;
}
