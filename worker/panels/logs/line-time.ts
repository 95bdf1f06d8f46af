const rfc3339 = /^\[?(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?(?: ?(Z|[+-]\d\d:?\d\d))?/;
const syslog = /^(?:<\d{1,3}>)?(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) {1,2}(\d{1,2}) (\d\d:\d\d:\d\d)\b/;
const dayMs = 86_400_000;

/**
 * The time with which a line begins, in milliseconds since the epoch: RFC 3339 (also with a space, a comma, or in a bracket),
 * or that of syslog. A time without a zone is in this process's; one without a year is the last that is not in the future.
 * @returns undefined when a line begins with none.
 */
export function readLineTime(line: string, now: Date): number | undefined {
  const exact = rfc3339.exec(line);
  if (exact) {
    const [, day = '', time = '', fraction = '0', zone = ''] = exact;
    const colon = /^[+-]\d{4}$/.test(zone) ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone;
    return numberOrNothing(Date.parse(`${day}T${time}.${fraction.slice(0, 3).padEnd(3, '0')}${colon}`));
  }
  const old = syslog.exec(line);
  if (!old) return undefined;
  const [, month = '', day = '', time = ''] = old;
  const inYear = (year: number): number => Date.parse(`${month} ${day} ${year} ${time}`);
  const year = now.getFullYear();
  return numberOrNothing(inYear(year) > now.getTime() + dayMs ? inYear(year - 1) : inYear(year));
}

const units: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: dayMs };

/** The moment that "90s", "5m", "1h", "2d" or a time of RFC 3339 with its zone means. @returns undefined for anything else. */
export function readSince(text: string, now: Date): number | undefined {
  const duration = /^(\d{1,9})([smhd])$/.exec(text);
  if (duration) return now.getTime() - Number(duration[1]) * (units[duration[2] ?? ''] ?? 0);
  const exact = rfc3339.exec(text);
  return exact?.[4] !== undefined && exact[0] === text ? readLineTime(text, now) : undefined;
}

function numberOrNothing(value: number): number | undefined {
  return Number.isNaN(value) ? undefined : value;
}
