import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { lockDirectory } from './cluster-lock.js';
import { readShellEnvironment, writeShellEnvironment } from './shell-environment.js';

let root: string;
let dir: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'panelet-env-'));
  dir = mkdtempSync(join(root, "it's a "));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

test('a shell takes the lines of the dev cluster that runs, and finds its programs', () => {
  const program = join(root, 'program');
  writeFileSync(program, '#!/bin/sh\necho "$0 $KUBECONFIG $PANELET_ADDRESS $PANELET_TOKEN_FILE $KUBECACHEDIR"\n');
  chmodSync(program, 0o755);
  const unlock = lockDirectory(dir, process.pid);
  expect(() => readShellEnvironment(dir)).toThrow(/has not started yet/);
  const write = (): (() => void) =>
    writeShellEnvironment({
      dir,
      kubeconfig: join(dir, 'kubeconfig'),
      address: '127.1.2.10:7443',
      tokenFile: join(dir, 'tokens', 'alice'),
      programs: { panelet: program },
    });
  write();
  const remove = write();
  expect(statSync(join(dir, 'env.sh')).mode & 0o077).toBe(0);
  const said = execFileSync('/bin/sh', ['-c', `${readShellEnvironment(dir)}\npanelet`], { encoding: 'utf8' });
  expect(said).toBe(`${dir}/bin/panelet ${dir}/kubeconfig 127.1.2.10:7443 ${dir}/tokens/alice ${dir}/kubectl-cache\n`);
  remove();
  unlock();
  expect(() => readShellEnvironment(dir)).toThrow(/No dev cluster runs in .*npm start/);
});
