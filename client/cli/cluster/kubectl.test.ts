import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { waitFor } from '#test/support/wait-for.js';
import { createKubectl, type Kubectl } from './kubectl.js';

let dir = '';
let stop: AbortController;
let kubectl: Kubectl;

const plugin = async (): Promise<number> => Number(await readFile(join(dir, 'plugin'), 'utf8').catch(() => '0'));

// As kubectl while a plugin for credentials waits for its user: the plugin has kubectl's standard error, and outlives it.
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'panelet-kubectl-'));
  const program = join(dir, 'kubectl');
  await writeFile(program, `#!/bin/sh\nsleep 600 &\necho $! >${dir}/plugin\nwait\n`);
  await chmod(program, 0o755);
  stop = new AbortController();
  kubectl = createKubectl({ env: { PATH: `${dir}:/usr/bin:/bin` }, signal: stop.signal });
});
afterEach(async () => {
  process.kill(await plugin());
  await rm(dir, { recursive: true, force: true });
});

describe('what a kubectl has started, and what outlives it, is not waited for', () => {
  const started = (): Promise<void> => waitFor('its start', async () => (await plugin()) > 0);

  test('when it is interrupted', async () => {
    const run = kubectl.run(['get', 'pods']).catch((error: unknown) => error);
    await started();
    stop.abort();
    expect(await run).toMatchObject({ code: 'TIMEOUT' });
  });

  test('when its lines are not wanted any more', async () => {
    const lines = kubectl.lines(['get', 'pods']);
    const first = lines.next().catch((error: unknown) => error);
    await started();
    stop.abort();
    expect(await first).toMatchObject({ code: 'TIMEOUT' });
  });

  test('when it is stopped', async () => {
    const running = kubectl.start(['port-forward', 'pod/a', ':1']);
    await started();
    await running.stop();
  });
});
