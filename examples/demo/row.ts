import type { ProcessIdentity } from '#devcluster/launcher/proc-fs.js';

/** Bytes of one direction, as counted and hashed at both ends. */
export interface Transfer {
  readonly sentBytes: number;
  readonly sentSha256: string;
  readonly receivedBytes: number;
  readonly receivedSha256: string;
}

/** What became of one session, from evidence only. */
export interface DemoRow {
  readonly kind: string;
  readonly node: string;
  /** Client to panel. */
  readonly input?: Transfer;
  /** Panel to client. */
  readonly output?: Transfer;
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
  /** Times without an attachment at the client, in milliseconds. */
  readonly gapsMs: readonly number[];
  /** The program behind a terminal: as it was at the start, and what has its number at the end. */
  readonly process?: { readonly before: ProcessIdentity; readonly after: ProcessIdentity | undefined };
  /** Keystrokes that were sent while an agent was being restarted. */
  readonly typedDuringRestarts?: number;
  /** What went wrong, a sentence each. */
  readonly failures: readonly string[];
}

/** A session of the demo. */
export interface DemoSession {
  readonly kind: string;
  readonly node: string;
  /** A word on how it goes, for the live view. */
  progress(): string;
  /** Whether an agent is being restarted now. */
  setRestarting(isRestarting: boolean): void;
  /** Ends the session and compares both ends. */
  finish(): Promise<DemoRow>;
}

/** True when both ends have the same bytes. */
export function isEqualTransfer(transfer: Transfer | undefined): boolean {
  return (
    transfer === undefined ||
    (transfer.sentBytes === transfer.receivedBytes && transfer.sentSha256 === transfer.receivedSha256)
  );
}

/** True when the program is the same one as before. */
export function isSameProcess(process: DemoRow['process']): boolean {
  return process === undefined || process.before.startTime === process.after?.startTime;
}

/** Everything that keeps a row from holding, a sentence each. */
export function rowFailures(row: DemoRow): string[] {
  const where = `${row.kind} on ${row.node}`;
  const failures = row.failures.map((failure) => `${where}: ${failure}`);
  for (const [name, transfer] of [
    ['client to panel', row.input],
    ['panel to client', row.output],
  ] as const) {
    if (transfer === undefined || isEqualTransfer(transfer)) continue;
    failures.push(
      `${where}: ${name}, ${transfer.sentBytes} bytes left and ${transfer.receivedBytes} arrived, or others`,
    );
  }
  if (row.lost > 0) failures.push(`${where}: ${row.lost} lost`);
  if (row.duplicated > 0) failures.push(`${where}: ${row.duplicated} came twice`);
  if (row.reordered > 0) failures.push(`${where}: ${row.reordered} came in another order`);
  if (!isSameProcess(row.process))
    failures.push(`${where}: process ${row.process?.before.pid ?? 0} is not the same any more`);
  return failures;
}
