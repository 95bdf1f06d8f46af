import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { outputOf, runProgram } from '../e2e/support/run-program.js';
import { builtPrograms, createAgentHome } from '#test/support/agent/running-agent.js';
import { describeWith, findPython } from '#test/support/strange-tools.js';

jest.setTimeout(300_000);

const directory = 'examples/client-python';
const python = findPython('grpc', 'grpc_tools', 'pytest', 'mypy');

describeWith(python !== undefined)('the client in Python', () => {
  const run = (...args: readonly string[]): Promise<unknown> =>
    runProgram(python ?? 'python3', ['-B', '-m', ...args], { cwd: directory });

  test('passes its own tests', async () => {
    expect(await run('pytest', '-q', '-p', 'no:cacheprovider')).toMatchObject({ code: 0 });
  });

  test('is typed', async () => {
    expect(await run('mypy', '--cache-dir', '/dev/null')).toMatchObject({ code: 0 });
  });
});

describeWith(findPython('venv', 'ensurepip') !== undefined)('the package of the client in Python', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'ppy-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  test('is installed by pip in an empty directory, with its types, and needs nothing of this repository', async () => {
    // A copy, as pip builds where the sources are.
    cpSync(directory, join(dir, 'client-python'), { recursive: true });
    cpSync(join(directory, 'cat.py'), join(dir, 'cat.py'));
    const own = join(dir, 'venv/bin/python');
    await outputOf(findPython('venv', 'ensurepip') ?? 'python3', ['-m', 'venv', join(dir, 'venv')]);
    await outputOf(own, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', join(dir, 'client-python')]);
    rmSync(join(dir, 'client-python'), { recursive: true });
    const [library = ''] = readdirSync(join(dir, 'venv/lib'));
    const packages = join(dir, 'venv/lib', library, 'site-packages');
    for (const file of ['__init__.py', 'py.typed', 'session_pb2.py', 'session_pb2.pyi'])
      expect([file, existsSync(join(packages, 'panelet_client', file))]).toEqual([file, true]);
    expect(existsSync(join(packages, 'tests'))).toBe(false);

    const workerCommand = [process.execPath, builtPrograms.worker];
    const home = createAgentHome(builtPrograms, { workerCommand, panels: [{ name: 'echo' }] });
    try {
      await home.start();
      const env = { PANELET_ADDRESS: home.address, PYTHONPATH: undefined };
      const said = await runProgram(own, ['cat.py'], { cwd: dir, env, input: 'one\ntwo\n' });
      expect(said).toEqual({ code: 0, stdout: 'one\ntwo\n', stderr: '' });
    } finally {
      home.remove();
    }
  });
});
