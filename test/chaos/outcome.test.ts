import { describe, expect, test } from '@jest/globals';
import type { ShellVerdict } from '#test/e2e/support/shell-session.js';
import type { EchoVerdict } from '#test/support/echo-load.js';
import { judgeEcho, judgeShell, type Told } from './outcome.js';

const fine: EchoVerdict = {
  ...{ bytes: 2048, sha256: 'x', lost: 0, duplicated: 0, reordered: 0, corrupt: 0 },
  ...{ sentBytes: 2048, sentSha256: 'x', panelBytes: 2048, panelSha256: 'x' },
  ...{ gapsMs: [], longestSilenceMs: 0, resumes: 0, moves: 0, errors: [] },
};
const cutOff: Partial<EchoVerdict> = { bytes: 1024, lost: 1, sha256: 'y', panelBytes: -1, errors: ['lost: {}'] };
const shell: ShellVerdict = {
  ...{ before: { pid: 7, startTicks: '1' }, after: { pid: 7, startTicks: '1' } },
  ...{ output: { received: 9, lost: 0, duplicated: 0, reordered: 0 }, typed: ['a', 'b'], executed: ['a', 'b'] },
  ...{ gapsMs: [], failures: [] },
};
const silence: Told = { loss: undefined };
const told: Told = { loss: 'lost 5 to 9' };

const echo = (change: Partial<EchoVerdict>, heard: Told = silence, deviation?: string) =>
  judgeEcho({ ...fine, ...change }, heard, deviation);
const typed = (change: Partial<ShellVerdict>, heard: Told = silence) => judgeShell({ ...shell, ...change }, heard);

describe('an echo session', () => {
  test('is exact when everything came back, though its end could not be asked for', () => {
    expect(echo({}).outcome).toBe('exact');
    expect(echo({ errors: ['close: AGENT_UNREACHABLE'] }).outcome).toBe('exact');
  });

  test('is told when something is missing and the client heard of it', () => {
    expect(echo(cutOff, told)).toEqual({ outcome: 'told', evidence: 'lost 5 to 9' });
  });

  test('is broken when something is missing in silence, on the way there or back', () => {
    expect(echo({ ...cutOff, errors: [] })).toMatchObject({ outcome: 'broken' });
    expect(echo({ panelSha256: 'z' })).toMatchObject({ outcome: 'broken' });
    expect(echo({ errors: ['waited 60000 ms for the rest'] })).toMatchObject({ outcome: 'broken' });
  });

  test('is broken when something was repeated, moved or changed, though a loss was told', () => {
    expect(echo({ ...cutOff, duplicated: 1 }, told).evidence).toBe('1 records duplicated');
    expect(echo({ ...cutOff, reordered: 2 }, told).outcome).toBe('broken');
    expect(echo({ ...cutOff, corrupt: 1 }, told).outcome).toBe('broken');
    expect(echo(cutOff, told, 'what came back differs').outcome).toBe('broken');
  });
});

describe('a shell', () => {
  test('is exact when the same process carried out every line', () => {
    expect(typed({}).outcome).toBe('exact');
    expect(typed({ failures: ['close: gone'] }).outcome).toBe('exact');
  });

  test('is told when it has ended and the client heard of it', () => {
    expect(typed({ executed: ['a'], failures: ['type: over'] }, told).outcome).toBe('told');
  });

  test('is broken when a line or a tick is missing in silence, or another process answers', () => {
    expect(typed({ executed: ['a'] }).evidence).toContain('1 of 2 lines carried out');
    expect(typed({ output: { ...shell.output, lost: 2 } }).outcome).toBe('broken');
    expect(typed({ after: { pid: 8, startTicks: '2' } }).outcome).toBe('broken');
  });

  test('is broken when lines were carried out twice or in another order, though its end was told', () => {
    expect(typed({ executed: ['a', 'a'] }, told).evidence).toContain('line 1 carried out is a, typed was b');
    expect(typed({ executed: ['b'] }, told).outcome).toBe('broken');
    expect(typed({ output: { ...shell.output, duplicated: 1 } }, told).outcome).toBe('broken');
  });
});
