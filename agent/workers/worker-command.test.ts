import { expect, test } from '@jest/globals';
import { parseWorkerArguments } from '#worker/arguments.js';
import type { PanelConfig } from '../config/config.js';
import { workerArgv, type WorkerCommandOptions } from './worker-command.js';

const panel: PanelConfig = { name: 'echo', target: 'agent', run: 'spawn', parameters: { b: '2', a: '1' } };
const options: WorkerCommandOptions = {
  ...{ workerCommand: ['panelet-worker'], node: 'n', stateDir: '/state', logLevel: 'info' },
  sessionsPerOwner: { default: 20, of: {} },
};

const read = (change: Partial<PanelConfig>, sessionsPerOwner = options.sessionsPerOwner) =>
  parseWorkerArguments(
    workerArgv({ ...panel, ...change }, '/run/echo.sock', { ...options, sessionsPerOwner }).slice(1),
  );

test('a worker understands what it is told, and has the same defaults as the agent', () => {
  expect(read({})).toMatchObject({
    ...{ panel: 'echo', socket: '/run/echo.sock', parameters: { a: '1', b: '2' } },
    ...{ sessionsPerOwner: { default: 20, of: {} }, lifeLimits: { idleMs: undefined, maxAgeMs: undefined } },
  });
  const given = { default: 5, of: { 'system:serviceaccount:ci:runner': 500, 'a=b': 1 } };
  expect(read({ idleTimeoutSeconds: 60, maxAgeSeconds: 3600 }, given)).toMatchObject({
    ...{ sessionsPerOwner: given, lifeLimits: { idleMs: 60_000, maxAgeMs: 3_600_000 } },
  });
});

test('a program that knows nothing of limits is not told of them as long as nobody sets any', () => {
  const argv = workerArgv({ ...panel, command: ['own'] }, '/run/echo.sock', options);
  expect(argv.join(' ')).not.toMatch(/--owner|--idle|--max-age/);
});

test('a panel that names the own worker gets the one that the agent has, wherever PATH leads', () => {
  const own = { ...options, workerCommand: ['/usr/bin/node', '/opt/panelet/panelet-worker.js'] };
  const argv = (command: string[]): readonly string[] => workerArgv({ ...panel, command }, '/run/echo.sock', own);
  expect(argv(['panelet-worker', '--exec', '/opt/panels/mine']).slice(0, 5)).toEqual([
    ...own.workerCommand,
    '--exec',
    '/opt/panels/mine',
    '--panel',
  ]);
  expect(argv(['/opt/other/panelet-worker', '--exec', '/x']).slice(0, 4)).toEqual([
    '/opt/other/panelet-worker',
    '--exec',
    '/x',
    '--panel',
  ]);
});
