import type { Log } from '#common/log.js';

/** A log for the audit: lines with `audit: true`, whatever the level of the other lines is. */
export function createAuditLog(log: Log): Log {
  return log.child({ audit: true }, log.level === 'silent' ? {} : { level: 'info' });
}
