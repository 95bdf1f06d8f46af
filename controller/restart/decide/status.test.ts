import { describe, expect, test } from '@jest/globals';
import type { ActivePod, PanelRestartStatus } from '../api/panel-restart.js';
import { urgencyOf } from './status.js';

const receipt = { instance: 'i', digest: 'd' };
const entry = (rest: Partial<ActivePod>): ActivePod => ({ pod: 'p', uid: 'p', step: 'Draining', ...rest });
const status = (active: readonly ActivePod[], rest: Partial<PanelRestartStatus> = {}): PanelRestartStatus => ({
  phase: 'Running',
  active,
  ...rest,
});
const counted = (succeeded: number): NonNullable<PanelRestartStatus['pods']> => ({ succeeded }) as never;

describe('what is written', () => {
  test.each<[string, PanelRestartStatus, PanelRestartStatus]>([
    ['a phase', status([]), status([], { phase: 'Paused' })],
    ['a failure', status([]), status([], { failures: [{ pod: 'p', uid: 'p', reason: 'x' }] })],
    ['the receipt of a pod whose clients wait', status([entry({})]), status([entry({ receipt })])],
    ['the same where no replacement came beside it', status([]), status([entry({ receipt, surge: 'alone' })])],
    ['that a pod is gone that nobody deleted', status([entry({})]), status([entry({ step: 'Killed' })])],
  ])('at once: %s', (_what, before, next) => {
    expect(urgencyOf(before, next)).toBe('now');
  });

  test.each<[string, PanelRestartStatus, PanelRestartStatus]>([
    ['the receipt of a pod whose replacement serves', status([]), status([entry({ receipt, surge: 'beside' })])],
    ['that a pod is done', status([entry({ receipt })], { pods: counted(0) }), status([], { pods: counted(1) })],
  ])('soon, with what else comes: %s', (_what, before, next) => {
    expect(urgencyOf(before, next)).toBe('soon');
  });

  test('now and then: what nothing depends on; and nothing where there is no news', () => {
    expect(urgencyOf(status([entry({})]), status([entry({ message: 'waits' })]))).toBe('later');
    expect(urgencyOf(status([entry({ receipt })]), status([entry({ receipt, step: 'Killed' })]))).toBe('later');
    expect(urgencyOf(status([entry({ receipt })]), status([entry({ receipt, since: 'later' })]))).toBe('never');
  });
});
