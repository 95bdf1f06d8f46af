import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { createSystemClock, sleep } from '#common/time/clock.js';
import { parseAuditLines } from '#test/support/audit-lines.js';
import type { AuditEvent } from './audit-log.js';
import type { OwnCluster } from './environment.js';

const everyMs = 2;

/** Where an own cluster's API server writes its audit log. */
export function auditFile({ stateDir }: OwnCluster): string {
  return join(stateDir, 'log', 'audit.jsonl');
}

/** Everything since a time, also where the API server was killed meanwhile. */
export function readAuditEvents(own: OwnCluster, since: Date): readonly AuditEvent[] {
  const { events } = parseAuditLines(readFileSync(auditFile(own), 'utf8'));
  return events.filter(({ stageTimestamp }) => Date.parse(stageTimestamp) >= since.getTime());
}

/** Tells every event that is written from now on, within milliseconds. @returns a function that stops it. */
export function tailAuditLog(own: OwnCluster, onEvent: (event: AuditEvent) => void): () => Promise<void> {
  const clock = createSystemClock({ keepsAlive: true });
  const file = auditFile(own);
  if (!existsSync(file)) throw new Error(`There is no audit log ${file}.`);
  const descriptor = openSync(file, 'r');
  const stopping = new AbortController();
  let offset = fstatSync(descriptor).size;
  let partial = Buffer.alloc(0);
  const look = (): void => {
    const added = fstatSync(descriptor).size - offset;
    if (added <= 0) return;
    const piece = Buffer.allocUnsafe(added);
    const size = readSync(descriptor, piece, 0, added, offset);
    offset += size;
    const bytes = Buffer.concat([partial, piece.subarray(0, size)]);
    const end = bytes.lastIndexOf(0x0a) + 1;
    partial = bytes.subarray(end);
    for (const event of parseAuditLines(bytes.subarray(0, end).toString('utf8')).events) onEvent(event);
  };
  const follow = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      look();
      await sleep(clock, everyMs, stopping.signal).catch(() => undefined);
    }
    look();
    closeSync(descriptor);
  };
  const following = follow();
  return async () => {
    stopping.abort(new Error('enough'));
    await following;
  };
}
