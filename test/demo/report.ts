import pc from 'picocolors';
import { summarizeDurations } from '#test/support/percentiles.js';
import { formatBytes, formatMs, textTable } from '#test/support/text-table.js';
import { isEqualTransfer, isSameProcess, rowFailures, type DemoRow, type Transfer } from './row.js';

function sum(rows: readonly DemoRow[], field: (row: DemoRow) => number): number {
  return rows.reduce((total, row) => total + field(row), 0);
}

function transferCell(rows: readonly DemoRow[], pick: (row: DemoRow) => Transfer | undefined): string {
  const transfers = rows.map(pick).filter((transfer) => transfer !== undefined);
  if (transfers.length === 0) return '–';
  const sent = transfers.reduce((total, transfer) => total + transfer.sentBytes, 0);
  const received = transfers.reduce((total, transfer) => total + transfer.receivedBytes, 0);
  const equal = transfers.every(isEqualTransfer);
  return `${formatBytes(sent)} ${equal ? '=' : '≠'} ${formatBytes(received)}`;
}

function processCell(rows: readonly DemoRow[]): string {
  const processes = rows.map((row) => row.process).filter((process) => process !== undefined);
  if (processes.length === 0) return '–';
  return processes.every(isSameProcess)
    ? `same ${processes.map((process) => process.before.pid).join(', ')}`
    : 'CHANGED';
}

function kindRow(kind: string, rows: readonly DemoRow[]): string[] {
  const gaps = summarizeDurations(rows.flatMap((row) => row.gapsMs));
  return [
    kind,
    String(rows.length),
    transferCell(rows, (row) => row.input),
    transferCell(rows, (row) => row.output),
    String(sum(rows, (row) => row.lost)),
    String(sum(rows, (row) => row.duplicated)),
    String(sum(rows, (row) => row.reordered)),
    formatMs(gaps.p50),
    formatMs(gaps.p99),
    formatMs(gaps.max),
    processCell(rows),
  ];
}

const header = [
  'session',
  'n',
  'client → panel',
  'panel → client',
  'lost',
  'dup',
  'reord',
  'gap p50',
  'p99',
  'max',
  'process',
];

function hashPair(transfer: Transfer | undefined): string {
  if (transfer === undefined) return '–';
  const [sent, received] = [transfer.sentSha256.slice(0, 10), transfer.receivedSha256.slice(0, 10)];
  return isEqualTransfer(transfer) ? `${sent} = ${received}` : `${sent} ≠ ${received}`;
}

function evidenceRow(row: DemoRow): string[] {
  const { process } = row;
  const before = process === undefined ? '–' : `${process.before.pid}@${process.before.startTime}`;
  const after = process?.after === undefined ? '–' : `${process.after.pid}@${process.after.startTime}`;
  return [row.kind, row.node, hashPair(row.input), hashPair(row.output), before, after];
}

/** What the demo prints at its end: a line per kind, the evidence per session, what does not hold. */
export function demoReport(rows: readonly DemoRow[], otherFailures: readonly string[]): string[] {
  const kinds = [...new Set(rows.map((row) => row.kind))];
  const failures = [...otherFailures, ...rows.flatMap(rowFailures)];
  const typed = sum(rows, (row) => row.typedDuringRestarts ?? 0);
  const terminals = rows.filter((row) => row.process !== undefined);
  const table = kinds.map((kind) =>
    kindRow(
      kind,
      rows.filter((row) => row.kind === kind),
    ),
  );
  return [
    '',
    ...textTable(header, table),
    '',
    ...textTable(
      ['evidence', 'node', 'SHA-256 client = panel', 'SHA-256 panel = client', 'pid@start before', 'after'],
      rows.map(evidenceRow),
    ),
    '',
    ...(failures.length === 0
      ? [
          `${pc.green('Holds')}: every byte arrived once and in order; ${terminals.length} programs in terminals are the same processes as before;`,
          `       ${typed} keystrokes were typed while agents were being restarted, and each was carried out once.`,
        ]
      : [pc.red('DOES NOT HOLD:'), ...failures.map((failure) => `  ${pc.red('!')} ${failure}`)]),
  ];
}

/** True when nothing speaks against the demo. */
export function doesHold(rows: readonly DemoRow[], otherFailures: readonly string[]): boolean {
  return rows.length > 0 && otherFailures.length === 0 && rows.every((row) => rowFailures(row).length === 0);
}
