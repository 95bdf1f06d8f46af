import type { Clock } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import { createAuditLog } from './audit-log.js';

/** What the audit of refusals needs. */
export interface RefusalAuditDeps {
  readonly log: Log;
  readonly clock: Clock;
}

/** Callers that did not come to be known, in the audit log: some of them, and the number of the others. */
export interface RefusalAudit {
  /** Writes down one that was refused, or counts it. `remoteAddress` is all that is known of who it was. */
  record(result: string, remoteAddress: string | undefined): void;
}

const windowMs = 1_000;
const linesInWindow = 5;
// So that one that makes noise does not hide another.
const linesOfAddress = 2;

interface Window {
  lines: number;
  suppressed: number;
  /** Lines by address; no more addresses than lines. */
  readonly byAddress: Map<string, number>;
}

/**
 * Writes at most 5 lines in a second, at most 2 of them about one address; at the end of a second with more, one line says how
 * many were left out.
 */
export function createRefusalAudit({ log, clock }: RefusalAuditDeps): RefusalAudit {
  const audit = createAuditLog(log);
  let current: Window | undefined;
  const close = ({ suppressed }: Window): void => {
    current = undefined;
    if (suppressed > 0) audit.info({ allowed: false, suppressed }, 'More callers refused');
  };
  const open = (): Window => {
    const window: Window = { lines: 0, suppressed: 0, byAddress: new Map() };
    clock.after(windowMs, () => close(window));
    return window;
  };
  return {
    record: (reason, remoteAddress) => {
      current ??= open();
      const address = remoteAddress ?? '';
      const ofAddress = current.byAddress.get(address) ?? 0;
      if (current.lines >= linesInWindow || ofAddress >= linesOfAddress) {
        current.suppressed++;
        return;
      }
      current.lines++;
      current.byAddress.set(address, ofAddress + 1);
      audit.info({ allowed: false, reason, remoteAddress }, 'Caller refused');
    },
  };
}
