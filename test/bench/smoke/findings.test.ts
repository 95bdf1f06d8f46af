import { describe, expect, it } from '@jest/globals';
import { findingLines, type Finding } from './finding.js';
import { fleetFindings } from './fleet-findings.js';
import { footprintFindings } from './footprint-findings.js';
import { gapFindings } from './gap-findings.js';
import { divideSilence, nothingMeasured, reportLines, type Measured } from '../handover/report.js';
import { handoverFindings } from './handover-findings.js';
import { relayFindings } from './relay-findings.js';

const expectation = {
  rows: [
    { table: 'Speed (more)', title: '64 B' },
    { table: 'CPU', title: '64 B' },
  ],
  peers: ['direct', 'agent'],
  optionalPeers: ['haproxy'],
  dashFor: 'direct',
};
const good = `haproxy: skipped, not installed (apt-get install haproxy)

### Speed (more)

| | direct | agent |
|---|---:|---:|
| 64 B | 12,345 (×0.50) | 6,172 |

### CPU

| | direct | agent |
|---|---:|---:|
| 64 B | – | 0.125 |
`;
const problems = (findings: readonly Finding[]): string[] =>
  findings.flatMap(({ name, problem }) => (problem === undefined ? [] : [`${name}: ${problem}`]));

describe('findings of a short run of bench:relay', () => {
  it('finds nothing wrong with a number in every cell, and a dash where there is no process', () => {
    expect(problems(relayFindings(good, expectation))).toEqual([]);
    expect(relayFindings(good, expectation)).toHaveLength(3);
  });

  it.each(['NaN', 'stalls', 'failed', '–', '', 'Infinity', '12 (×NaN)'])('reports a cell with "%s"', (cell) => {
    const output = good.replace('6,172', cell);
    expect(problems(relayFindings(output, expectation))).toEqual([`Speed (more): 64 B: agent has “${cell}”.`]);
  });

  it('reports a row, a table and a column that are missing', () => {
    const withoutRow = good.replace('| 64 B | – | 0.125 |', '');
    expect(problems(relayFindings(withoutRow, expectation))).toEqual(['CPU: 64 B: The row is missing.']);
    expect(problems(relayFindings(good.slice(0, good.indexOf('### CPU')), expectation))).toHaveLength(1);
    const other = { ...expectation, peers: ['direct', 'agent', 'grpc-js relay'] };
    expect(problems(relayFindings(good, other))).toEqual([
      'Speed (more): 64 B: No column for grpc-js relay.',
      'CPU: 64 B: No column for grpc-js relay.',
    ]);
  });

  it('reports a packaged peer that is neither measured nor named, and lets one that is measured stall', () => {
    const silent = good.slice(good.indexOf('###'));
    expect(problems(relayFindings(silent, expectation))).toEqual([
      'haproxy is measured or said to be missing: It is neither.',
    ]);
    const measured = silent
      .replaceAll('| agent |', '| agent | haproxy |')
      .replace('| 6,172 |', '| 6,172 | stalls |')
      .replace('| 0.125 |', '| 0.125 | stalls |');
    expect(problems(relayFindings(measured, expectation))).toEqual([]);
  });
});

describe('findings of a short run of bench:gap', () => {
  const streams = ['Panelet', 'plain gRPC'];
  const table = `stream      gaps     p50     p99     max  p50 : Panelet  messages lost
──────────  ────  ──────  ──────  ──────  ─────────────  ─────────────
Panelet        2   1.4 s   1.4 s   1.4 s                             0
plain gRPC     2  449 ms  488 ms  488 ms  0.32 ×                     2
`;

  it('finds nothing wrong with numbers for every stream', () => {
    expect(problems(gapFindings(table, { streams, gaps: 2 }))).toEqual([]);
  });

  it('reports what is no number, what is missing, and gaps that were not measured', () => {
    expect(problems(gapFindings(table.replace('0.32', 'NaN'), { streams, gaps: 2 }))).toEqual([
      'gap of plain gRPC: No numbers: NaN ×.',
    ]);
    expect(problems(gapFindings('', { streams, gaps: 2 }))).toHaveLength(2);
    expect(problems(gapFindings(table, { streams, gaps: 4 }))).toEqual([
      'gap of Panelet: 2 gaps of 4.',
      'gap of plain gRPC: 2 gaps of 4.',
    ]);
  });
});

describe('findings of a short run of bench:fleet', () => {
  const table = `pods  CPU a pod  : first row  looks  questions  writes      heap  simulated  of the writes
   4      13 ms  1.00 ×         7.3        202          3.79  10.8 MiB       27 s  patch pods 2.00, delete pods 1.00

pods  CPU a pod  : first row  looks  questions  writes      heap  simulated  of the writes
   4       3 ms  1.00 ×         7.3         22          2.79  10.8 MiB       27 s  patch pods 1.00, delete pods 1.00
`;

  it('finds nothing wrong with numbers for every row, and reports what is missing', () => {
    expect(problems(fleetFindings(table, [4]))).toEqual([]);
    const problem = 'No row with all its numbers.';
    expect(problems(fleetFindings(table.split('\n\n')[0] ?? '', [4]))).toEqual([`restart of 4 pods: ${problem}`]);
    expect(problems(fleetFindings(table.replace('1.00', 'NaN'), [4, 8]))).toEqual([
      `restart of 4 pods: ${problem}`,
      `restart of 8 pods: ${problem}`,
    ]);
  });
});

describe('findings of a short run of bench:handover', () => {
  const expected = { handovers: 2, sessions: 4, measured: 1, terminals: 3 };
  const silencesMs = [20, 30];
  const name = 'agent, terminals';
  const measured = (of: string, more: Partial<Measured> = {}): Measured => ({
    ...nothingMeasured(of),
    ...{ silencesMs, startingMs: silencesMs, loopMs: silencesMs, ...more },
  });
  const worker = { freezeMs: 1, socketMs: 2, restoreMs: 3, liveMs: 4, decidedAtMs: 100 };
  const parts = silencesMs.map((ms) => divideSilence(ms, worker, 105));
  const six = [1, 2, 3, 4, 5, 6];
  const outputOf = (terminals: Partial<Measured>, end: readonly string[]): string => {
    const first = [measured('worker', { parts }), measured('agent', { parts })];
    const last = [measured(name, terminals), measured('plain gRPC')];
    return [...reportLines([...first, ...last]), ...end].join('\n');
  };
  const good = { silencesMs: six, startingMs: six, movesMs: six };
  const end = [
    '16 of 16 sessions moved, the others were written down.',
    'Messages lost: 0 by Panelet, 7 by plain gRPC.',
  ];

  it('finds nothing wrong with what is printed when all is measured', () => {
    const findings = handoverFindings(outputOf(good, end), expected);
    expect(problems(findings)).toEqual([]);
    expect(findings).toHaveLength(27);
  });

  it('reports what is missing, was measured too seldom, stayed, or was lost', () => {
    const wrong = ['15 of 16 sessions moved.', 'Messages lost: 1 by Panelet, 7 by plain gRPC.'];
    expect(problems(handoverFindings(outputOf({ ...good, movesMs: [], startingMs: [1] }, wrong), expected))).toEqual([
      `${name}: silence while it starts: 1 of 6 were measured.`,
      `${name}: Hello to Welcome beside the old way: No row with all its numbers.`,
      'sessions moved: 15 sessions of 16.',
      'messages lost: 1 by Panelet.',
    ]);
    const noNumber = outputOf(good, []).replace('1.00 ×', '–');
    expect(problems(handoverFindings(noNumber, expected))).toContain('worker: silence: No row with all its numbers.');
  });

  it('divides a silence into what is known, and the rest', () => {
    const [first, second] = parts;
    expect(first).toEqual({
      ...{ freezeMs: 1, socketMs: 2, restoreMs: 3, liveMs: 4 },
      ...{ welcomeMs: 5, restMs: 5 },
    });
    expect(second?.restMs).toBe(15);
    expect(divideSilence(1, worker, 99)).toMatchObject({ welcomeMs: 0, restMs: 0 });
  });
});

describe('findings of a short run of bench:footprint', () => {
  const expected = { started: ['agent'], held: ['agent'] };
  const tables = `start of  p50  max  p50 : empty
agent    1.5 s  2.0 s  1.78 ×

program  RSS idle  RSS : empty   its own  RSS, 20 sessions
agent    81.4 MiB  2.06 ×       39.1 MiB          88.4 MiB
`;

  it('finds nothing wrong with numbers for every program, and reports what is missing', () => {
    expect(problems(footprintFindings(tables, expected))).toEqual([]);
    expect(problems(footprintFindings(tables.replace('2.06', 'NaN'), expected))).toEqual([
      'memory of agent: No row with all its numbers.',
    ]);
    expect(problems(footprintFindings('', expected))).toHaveLength(2);
  });
});

describe('the lines of a short run', () => {
  it('end with one plain line over all findings', () => {
    const findings = [
      { name: 'a', problem: undefined },
      { name: 'b', problem: 'The row is missing.' },
    ];
    expect(findingLines(findings)).toEqual(['✗ b: The row is missing.', '1 passed, 1 failed']);
  });
});
