import { describe, expect, test } from '@jest/globals';
import { parseWorkerArguments } from './arguments.js';

const needed = [
  '--panel',
  'logs',
  '--socket',
  '/run/logs.sock',
  '--state-dir',
  '/state',
  '--node',
  'n',
  '--target',
  'agent',
];

describe('the arguments of a worker', () => {
  test('are read, with defaults', () => {
    expect(
      parseWorkerArguments([...needed, '--parameter', 'file=/a=b', '--parameter', 'x=', '--grace-period', '1.5']),
    ).toEqual({
      panel: 'logs',
      socket: '/run/logs.sock',
      stateDir: '/state',
      node: 'n',
      target: 'agent',
      parameters: { file: '/a=b', x: '' },
      logLevel: 'info',
      gracePeriodMs: 1500,
      detachTtlMs: 900_000,
      maxSessions: 1000,
      sessionsPerOwner: { default: 20, of: {} },
      lifeLimits: { idleMs: undefined, maxAgeMs: undefined },
      lockWaitMs: 0,
      isBeside: false,
    });
    expect(parseWorkerArguments([...needed, '--beside'])).toMatchObject({ isBeside: true });
    expect(parseWorkerArguments(['--help'])).toBeUndefined();
  });

  test.each([
    [needed.slice(2), '--panel is missing'],
    [[...needed, '--target', 'moon'], '--target must be agent or host'],
    [[...needed, '--parameter', 'novalue'], 'not of the form key=value'],
    [[...needed, '--max-sessions', '0'], '--max-sessions 0'],
    [[...needed, '--owner-sessions', 'many'], '--owner-sessions many'],
    [[...needed, '--owner-sessions-of', '=3'], '--owner-sessions-of =3'],
    [[...needed, '--idle-timeout', '0'], '--idle-timeout 0'],
    [[...needed, '--detach-ttl', 'soon'], '--detach-ttl soon'],
    [[...needed, '--lock-wait', 'ever'], '--lock-wait ever'],
    [[...needed, '--log-level', 'loud'], '--log-level loud'],
    [[...needed, '--unknown'], '--unknown'],
  ])('are refused by name when they are wrong: %#', (argv, message) => {
    expect(() => parseWorkerArguments(argv)).toThrow(message);
  });
});
