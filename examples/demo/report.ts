import pc from 'picocolors';
import { fitTable, plainText, wrapText } from '#test/support/fit-table.js';
import { summarizeDurations } from '#common/time/percentiles.js';
import { formatBytes, formatMs, textTable } from '#test/support/text-table.js';
import { isEqualTransfer, isSameProcess, rowFailures, type DemoRow, type Transfer } from './row.js';

/** Width of what the demo prints, in cells. */
export const demoWidth = 80;

function sum(rows: readonly DemoRow[], field: (row: DemoRow) => number): number {
  return rows.reduce((total, row) => total + field(row), 0);
}

function transferCell(rows: readonly DemoRow[], pick: (row: DemoRow) => Transfer | undefined): string {
  const transfers = rows.map(pick).filter((transfer) => transfer !== undefined);
  if (transfers.length === 0) return '–';
  const sent = formatBytes(transfers.reduce((total, transfer) => total + transfer.sentBytes, 0));
  const received = formatBytes(transfers.reduce((total, transfer) => total + transfer.receivedBytes, 0));
  return transfers.every(isEqualTransfer) ? `${received} ✓` : `${sent} ≠ ${received}`;
}

function processCell(rows: readonly DemoRow[]): string {
  const processes = rows.map((row) => row.process).filter((process) => process !== undefined);
  if (processes.length === 0) return '–';
  return processes.every(isSameProcess) ? processes.map((process) => process.before.pid).join(', ') : 'CHANGED';
}

const gapsOf = (rows: readonly DemoRow[]): ReturnType<typeof summarizeDurations> =>
  summarizeDurations(rows.flatMap((row) => row.gapsMs));

const summaryHeader = ['session', 'n', 'to panel', 'to client', 'lost', 'twice', 'max gap', 'same pid'];

function summaryRow(kind: string, rows: readonly DemoRow[]): string[] {
  return [
    kind,
    String(rows.length),
    transferCell(rows, (row) => row.input),
    transferCell(rows, (row) => row.output),
    String(sum(rows, (row) => row.lost)),
    String(sum(rows, (row) => row.duplicated)),
    formatMs(gapsOf(rows).max),
    processCell(rows),
  ];
}

const detailsHeader = ['session', 'lost', 'twice', 'reordered', 'gaps', 'gap p50', 'p99', 'max'];

function detailsRow(kind: string, rows: readonly DemoRow[]): string[] {
  const gaps = gapsOf(rows);
  return [
    kind,
    String(sum(rows, (row) => row.lost)),
    String(sum(rows, (row) => row.duplicated)),
    String(sum(rows, (row) => row.reordered)),
    String(gaps.count),
    formatMs(gaps.p50),
    formatMs(gaps.p99),
    formatMs(gaps.max),
  ];
}

const evidenceHeader = [
  'evidence',
  'node',
  'SHA-256 client = panel',
  'SHA-256 panel = client',
  'pid@start before',
  'after',
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

function byKind(
  rows: readonly DemoRow[],
  line: (kind: string, rows: readonly DemoRow[]) => readonly string[],
): (readonly string[])[] {
  const kinds = [...new Set(rows.map((row) => row.kind))];
  return kinds.map((kind) =>
    line(
      kind,
      rows.filter((row) => row.kind === kind),
    ),
  );
}

function verdictLines(rows: readonly DemoRow[], failures: readonly string[]): string[] {
  if (failures.length > 0) {
    const lines = failures.flatMap((failure) => {
      const [first = '', ...rest] = wrapText(plainText(failure), demoWidth - 4, { breaksWords: true });
      return [`  ${pc.red('!')} ${first}`, ...rest.map((line) => `    ${line}`)];
    });
    return [pc.red('DOES NOT HOLD:'), ...lines];
  }
  const typed = sum(rows, (row) => row.typedDuringRestarts ?? 0);
  const terminals = rows.filter((row) => row.process !== undefined).length;
  const indent = ' '.repeat(7);
  const [first = '', ...rest] = wrapText(
    `every byte arrived once and in order; ${terminals} programs in terminals are the same processes as before; ${typed} keystrokes were typed while agents were being restarted, and each was carried out once.`,
    demoWidth - indent.length,
  );
  const next = ['', 'Look around in a cluster of your own: npm start'];
  return [`${pc.green('Holds')}: ${first}`, ...rest.map((line) => indent + line), ...next];
}

/** What the demo prints at its end. */
export interface ReportOptions {
  /** Also the evidence per session and the gaps' percentiles, in lines wider than 80. @default false */
  readonly wide?: boolean;
}

/** What the demo prints at its end: a line per kind of session, what does not hold, and the evidence when asked for. */
export function demoReport(
  rows: readonly DemoRow[],
  otherFailures: readonly string[],
  { wide = false }: ReportOptions = {},
): string[] {
  const details = wide
    ? [
        ...textTable(detailsHeader, byKind(rows, detailsRow)),
        '',
        ...textTable(evidenceHeader, rows.map(evidenceRow)),
        '',
      ]
    : [];
  return [
    '',
    ...details,
    ...fitTable(summaryHeader, byKind(rows, summaryRow), { width: demoWidth }),
    '',
    '✓ is the same SHA-256 at both ends, – is nothing of that kind to compare; a gap',
    'is a time without a connection, before which a session may be held a moment.',
    ...(wide ? [] : ['Hashes, processes and percentiles: npm run demo -- --wide']),
    '',
    ...verdictLines(rows, [...otherFailures, ...rows.flatMap(rowFailures)]),
  ];
}

/** True when nothing speaks against the demo. */
export function doesHold(rows: readonly DemoRow[], otherFailures: readonly string[]): boolean {
  return rows.length > 0 && otherFailures.length === 0 && rows.every((row) => rowFailures(row).length === 0);
}
