import { faultKinds, faultNatures, type FaultKind } from './fault-kinds.js';
import type { FaultRecord, SessionRecord, Violation } from './history.js';

/** What one kind of fault has done. */
export interface FaultAccount {
  readonly kind: FaultKind;
  readonly injected: number;
  /** Faults that were made while a restart was under way. */
  readonly duringRestart: number;
  /** Sessions that lived on the nodes that were hit; a session hit twice counts twice. */
  readonly hit: number;
  /** Of these: not lost by this fault. */
  readonly exact: number;
  /** Of these: lost by this fault, and told so. */
  readonly told: number;
  /** Longest time without an attachment of a session that was hit, begun while the fault lasted or soon after. */
  readonly longestGapMs: number;
}

// A client may notice a dead connection only at its next ping.
const noticeMs = 15_000;

/** Whether a session lived where and when a fault was made. */
export function isHit({ node, fromMs, toMs }: SessionRecord, fault: FaultRecord): boolean {
  return (fault.node ?? node) === node && fault.startMs >= fromMs && fault.startMs <= toMs;
}

/** The fault that has cost a session something: the last that may have. */
export function causeOf(session: SessionRecord, faults: readonly FaultRecord[]): FaultRecord | undefined {
  return faults
    .filter((fault) => faultNatures[fault.kind].mayLose.includes(session.kind) && isHit(session, fault))
    .sort((a, b) => b.startMs - a.startMs)[0];
}

function longestGap(session: SessionRecord, fault: FaultRecord): number {
  const caused = session.gaps.filter(
    ({ fromMs, toMs }) => toMs >= fault.startMs && fromMs <= fault.endMs + noticeMs && toMs > fromMs,
  );
  return Math.max(0, ...caused.map(({ fromMs, toMs }) => toMs - fromMs));
}

/** Counts for the table, one row a kind. */
export function accountOf(faults: readonly FaultRecord[], sessions: readonly SessionRecord[]): FaultAccount[] {
  const causes = new Map(
    sessions.filter(({ outcome }) => outcome === 'told').map((session) => [session, causeOf(session, faults)]),
  );
  return faultKinds.map((kind) => {
    const made = faults.filter((fault) => fault.kind === kind);
    const hits = made.flatMap((fault) =>
      sessions.filter((session) => isHit(session, fault)).map((session) => ({ fault, session })),
    );
    const told = hits.filter(({ fault, session }) => causes.get(session) === fault).length;
    const broken = hits.filter(({ session }) => session.outcome === 'broken').length;
    return {
      kind,
      injected: made.length,
      duringRestart: made.filter(({ restarts }) => restarts > 0).length,
      hit: hits.length,
      exact: hits.length - told - broken,
      told,
      longestGapMs: Math.max(0, ...hits.map(({ fault, session }) => longestGap(session, fault))),
    };
  });
}

/** Sessions that are neither exact nor lost by something that may lose. */
export function sessionViolations(faults: readonly FaultRecord[], sessions: readonly SessionRecord[]): Violation[] {
  return sessions.flatMap((session) => {
    const { id, kind, node, outcome, evidence } = session;
    const lived = `${kind} session ${id} on ${node}, ${Math.round(session.fromMs)} to ${Math.round(session.toMs)} ms`;
    if (outcome === 'broken') {
      return [{ what: 'a loss is told, and nothing is repeated or out of order', evidence: `${lived}: ${evidence}` }];
    }
    if (outcome === 'exact' || causeOf(session, faults) !== undefined) return [];
    const hits = faults.filter((fault) => isHit(session, fault)).map((fault) => `${fault.index} ${fault.kind}`);
    const during = hits.length === 0 ? 'no fault' : hits.join(', ');
    const what = 'only a killed worker or a stopped node may cost a session anything';
    return [{ what, evidence: `${lived}: ${evidence}; hit by ${during}` }];
  });
}
