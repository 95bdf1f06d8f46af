import { describe, expect, test } from '@jest/globals';
import { chaosReport, type ChaosResult } from './report.js';

const result: ChaosResult = {
  ...{ seed: 3, asked: 1, convergedMs: 4_000, tookMs: 60_000, violations: [] },
  faults: [{ index: 1, kind: 'worker', node: 'a', startMs: 10, endMs: 10, restarts: 1 }],
  sessions: [
    {
      id: '1',
      kind: 'echo',
      node: 'a',
      fromMs: 0,
      toMs: 900,
      outcome: 'told',
      evidence: 'lost',
      bytes: 2048,
      gaps: [],
    },
    {
      id: '2',
      kind: 'terminal',
      node: 'a',
      fromMs: 0,
      toMs: 900,
      outcome: 'exact',
      evidence: '',
      bytes: 0,
      gaps: [{ fromMs: 12, toMs: 512 }],
    },
  ],
  restarts: [{ name: 'r', target: 'panelet-agent', phase: 'Succeeded', forced: 0 }],
  kills: { kills: 2, unproven: [], byOthers: 0, violations: [] },
};

describe('the report of a run', () => {
  test('has a row for each kind of fault, and totals', () => {
    const lines = chaosReport(result);
    expect(lines.find((line) => line.startsWith('worker beside'))).toMatch(/ 1 +1 +2 +1 +1 +500 ms$/);
    expect(lines.find((line) => line.startsWith('sessions'))).toMatch(/2: 1 exact, 1 told of a loss, 0 broken/);
    expect(lines.at(-1)).toBe('Holds: 1 faults in 60.0 s, seed 3.');
  });

  test('names every violation with its evidence', () => {
    const lines = chaosReport({ ...result, violations: [{ what: 'a pod is killed once', evidence: 'x' }] });
    expect(lines).toContain('! violated: a pod is killed once: x');
    expect(lines.at(-1)).toMatch(/^DOES NOT HOLD/);
  });
});
