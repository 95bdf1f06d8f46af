import { expect, jest, test } from '@jest/globals';
import { runProgram } from '../e2e/support/run-program.js';
import { describeWith, findPython } from '#test/support/strange-tools.js';

jest.setTimeout(300_000);

const python = findPython('grpc', 'grpc_tools', 'pytest', 'mypy');

describeWith(python !== undefined)('the client in Python', () => {
  const run = (...args: readonly string[]): Promise<unknown> =>
    runProgram(python ?? 'python3', ['-B', '-m', ...args], { cwd: 'examples/client-python' });

  test('passes its own tests', async () => {
    expect(await run('pytest', '-q', '-p', 'no:cacheprovider')).toMatchObject({ code: 0 });
  });

  test('is typed', async () => {
    expect(await run('mypy', '--cache-dir', '/dev/null')).toMatchObject({ code: 0 });
  });
});
