import { describe, expect, test } from '@jest/globals';
import { accountOf, sessionViolations } from './account.js';
import type { FaultRecord, SessionRecord } from './history.js';

let made = 0;

function fault(given: Partial<FaultRecord> & Pick<FaultRecord, 'kind'>): FaultRecord {
  made += 1;
  const startMs = given.startMs ?? 1_000;
  return { index: made, startMs, endMs: startMs, restarts: 0, ...given };
}

function session(given: Partial<SessionRecord>): SessionRecord {
  return {
    ...{
      id: 's',
      kind: 'echo',
      node: 'a',
      fromMs: 0,
      toMs: 10_000,
      outcome: 'exact',
      evidence: '',
      bytes: 1,
      gaps: [],
    },
    ...given,
  };
}

const wrong = (faults: readonly FaultRecord[], sessions: readonly SessionRecord[]): string[] =>
  sessionViolations(faults, sessions).map(({ evidence }) => evidence);

describe('the invariant of sessions', () => {
  test('holds for exact sessions whatever happened', () => {
    expect(wrong([fault({ kind: 'node', node: 'a' })], [session({})])).toEqual([]);
  });

  test('holds when a killed worker cost its sessions something and they were told', () => {
    expect(wrong([fault({ kind: 'worker', node: 'a' })], [session({ outcome: 'told' })])).toEqual([]);
    const shell = session({ kind: 'terminal', outcome: 'told' });
    expect(wrong([fault({ kind: 'host', node: 'a' })], [shell])).toEqual([]);
    expect(wrong([fault({ kind: 'node', node: 'a' })], [shell, session({ outcome: 'told' })])).toEqual([]);
  });

  test('breaks when a loss was silent, even with a cause', () => {
    const found = wrong(
      [fault({ kind: 'worker', node: 'a' })],
      [session({ outcome: 'broken', evidence: 'lost 3 records' })],
    );
    expect(found).toEqual(['echo session s on a, 0 to 10000 ms: lost 3 records']);
  });

  test('breaks when something was lost that no fault explains', () => {
    const told = session({ outcome: 'told', evidence: 'lost 5-9' });
    expect(wrong([], [told])).toEqual(['echo session s on a, 0 to 10000 ms: lost 5-9; hit by no fault']);
    expect(wrong([fault({ kind: 'worker', node: 'b' })], [told])).toHaveLength(1);
    expect(wrong([fault({ kind: 'worker', node: 'a', startMs: 10_001 })], [told])).toHaveLength(1);
    expect(wrong([fault({ kind: 'worker', node: 'a', startMs: 50 })], [session({ ...told, fromMs: 60 })])).toHaveLength(
      1,
    );
  });

  test('breaks when a fault cost something that it must not', () => {
    for (const kind of ['agent', 'controller', 'api-server', 'network', 'disk'] as const) {
      const hit = fault({ kind, ...(kind === 'controller' || kind === 'api-server' ? {} : { node: 'a' }) });
      const [evidence] = wrong([hit], [session({ outcome: 'told' })]);
      expect(evidence).toContain(`hit by ${hit.index} ${kind}`);
    }
    expect(
      wrong([fault({ kind: 'worker', node: 'a' })], [session({ kind: 'terminal', outcome: 'told' })]),
    ).toHaveLength(1);
    expect(wrong([fault({ kind: 'host', node: 'a' })], [session({ outcome: 'told' })])).toHaveLength(1);
  });
});

describe('the account of faults', () => {
  const rowOf = (kind: FaultRecord['kind'], faults: FaultRecord[], sessions: SessionRecord[]) =>
    accountOf(faults, sessions).find((row) => row.kind === kind);

  test('counts faults, those during restarts, and the sessions that they hit', () => {
    const faults = [fault({ kind: 'agent', node: 'a', restarts: 1 }), fault({ kind: 'agent', node: 'b' })];
    const sessions = [session({}), session({ node: 'b' }), session({ node: 'b', fromMs: 2_000 })];
    expect(rowOf('agent', faults, sessions)).toMatchObject({
      injected: 2,
      duringRestart: 1,
      hit: 2,
      exact: 2,
      told: 0,
    });
  });

  test('lets a fault that hits all nodes hit all sessions', () => {
    expect(rowOf('controller', [fault({ kind: 'controller' })], [session({}), session({ node: 'b' })])?.hit).toBe(2);
  });

  test('charges a loss to the last fault that may have caused it', () => {
    const first = fault({ kind: 'node', node: 'a', startMs: 100 });
    const second = fault({ kind: 'worker', node: 'a', startMs: 200 });
    const third = fault({ kind: 'agent', node: 'a', startMs: 300 });
    const sessions = [session({ outcome: 'told' })];
    expect(rowOf('worker', [first, second, third], sessions)).toMatchObject({ hit: 1, exact: 0, told: 1 });
    expect(rowOf('node', [first, second, third], sessions)).toMatchObject({ hit: 1, exact: 1, told: 0 });
    expect(rowOf('agent', [first, second, third], sessions)).toMatchObject({ hit: 1, exact: 1, told: 0 });
  });

  test('takes the longest gap that began while the fault lasted or soon after', () => {
    const cut = fault({ kind: 'agent', node: 'a', startMs: 1_000 });
    const gaps = [
      { fromMs: 100, toMs: 900 },
      { fromMs: 1_010, toMs: 1_400 },
      { fromMs: 40_000, toMs: 90_000 },
    ];
    expect(rowOf('agent', [cut], [session({ gaps, toMs: 99_000 })])?.longestGapMs).toBe(390);
  });
});
