import type { AuditEvent } from '#test/e2e/support/audit-log.js';

/** What lines of the audit log say, and how many of them a killed API server has left unfinished. */
export interface AuditLines {
  readonly events: readonly AuditEvent[];
  readonly torn: number;
}

/**
 * Parses whole lines. An API server that is killed may leave half a line, to which the next one appends: what follows it is
 * found again by the beginning that every event has.
 */
export function parseAuditLines(text: string): AuditLines {
  const events: AuditEvent[] = [];
  let torn = 0;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const start = line.lastIndexOf('{"kind":"Event","apiVersion":"audit.k8s.io/');
    if (start !== 0) torn += 1;
    if (start < 0) continue;
    try {
      events.push(JSON.parse(line.slice(start)) as AuditEvent);
    } catch {
      torn += start === 0 ? 1 : 0;
    }
  }
  return { events, torn };
}
