/** A moment as people write it, RFC 3339 with its zone; seconds may be left out. */
const moment = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;

/** Milliseconds since the epoch of a moment such as `2027-01-31T03:00:00Z`; undefined for anything else. */
export function momentToMs(text: string): number | undefined {
  const ms = moment.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(ms) ? undefined : ms;
}
