import { formatBytes, formatMs, textTable } from '#test/support/text-table.js';
import { accountOf } from './account.js';
import { faultNatures } from './fault-kinds.js';
import type { FaultRecord, SessionRecord, Violation } from './history.js';
import type { KillVerdict } from './kill-audit.js';
import type { RestartOutcome } from './restarter.js';

/** Everything a run has found. */
export interface ChaosResult {
  readonly seed: number;
  readonly asked: number;
  readonly faults: readonly FaultRecord[];
  readonly sessions: readonly SessionRecord[];
  readonly restarts: readonly RestartOutcome[];
  readonly kills: KillVerdict;
  /** From the last fault healed until the restarts under way had ended and everything was as before. */
  readonly convergedMs: number;
  readonly tookMs: number;
  readonly violations: readonly Violation[];
}

const header = ['fault', 'made', 'during a restart', 'sessions hit', 'exact', 'losses told', 'longest gap'];

function faultRows({ faults, sessions }: ChaosResult): string[][] {
  return accountOf(faults, sessions).map((row) => [
    faultNatures[row.kind].title,
    ...[row.injected, row.duringRestart, row.hit, row.exact, row.told].map(String),
    formatMs(row.longestGapMs),
  ]);
}

function tally(restarts: readonly RestartOutcome[]): string {
  const counts = new Map<string, number>();
  for (const { target, phase } of restarts) {
    const key = `${target.replace('panelet-', '')} ${phase}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].map(([key, count]) => `${count} ${key}`).join(', ');
}

function totalRows(result: ChaosResult): string[][] {
  const { sessions, faults, kills } = result;
  const count = (outcome: SessionRecord['outcome']): string =>
    String(sessions.filter((session) => session.outcome === outcome).length);
  const gaps = sessions.flatMap((session) => session.gaps.map(({ fromMs, toMs }) => toMs - fromMs));
  return [
    ['seed', String(result.seed)],
    ['faults made of those asked for', `${faults.length} of ${result.asked}`],
    ['restarts', `${result.restarts.length}: ${tally(result.restarts)}`],
    [
      'sessions',
      `${sessions.length}: ${count('exact')} exact, ${count('told')} told of a loss, ${count('broken')} broken`,
    ],
    ['bytes that came back', formatBytes(sessions.reduce((sum, { bytes }) => sum + bytes, 0))],
    ['resumes; longest time without an attachment', `${gaps.length}; ${formatMs(Math.max(0, ...gaps))}`],
    ['pods killed by the controller, each once and after its receipt', String(kills.kills - kills.unproven.length)],
    ['… whose receipt the killed API server did not write down', String(kills.unproven.length)],
    ['pods of agents and hosts deleted by others', String(kills.byOthers)],
    ['converged after the last fault', formatMs(result.convergedMs)],
  ];
}

/** What is printed at the end. */
export function chaosReport(result: ChaosResult): string[] {
  const { violations } = result;
  return [
    '',
    ...textTable(header, faultRows(result)),
    '',
    ...textTable(['total', ''], totalRows(result)),
    '',
    ...violations.map(({ what, evidence }) => `! violated: ${what}: ${evidence}`),
    `${violations.length === 0 ? 'Holds' : 'DOES NOT HOLD'}: ${result.faults.length} faults in ${formatMs(result.tookMs)}, seed ${result.seed}.`,
  ];
}
