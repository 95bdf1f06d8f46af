/** How the value of a request reads as a time. */
export type AskedTime =
  /** As no time: whatever it says, it asks for now. */
  | { readonly kind: 'none' }
  | { readonly kind: 'at'; readonly ms: number }
  /** As a time that nobody can be sure of. */
  | { readonly kind: 'unclear' };

// RFC 3339, 5.6: T and Z in either case, or a space; and offsets as `date +%z` and ISO 8601 write them.
const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(?:[Zz]|([+-])(\d\d)(?::?(\d\d))?)$/;
const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

function instantOf(text: string): number | undefined {
  const match = rfc3339.exec(text);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number);
  const fractionMs = Math.floor(Number(`0.${match[7] ?? '0'}`) * 1000);
  const [offsetHour, offsetMinute] = [Number(match[9] ?? 0), Number(match[10] ?? 0)];
  // A leap second is the first of the next minute.
  if (hour > 23 || minute > 59 || second > 60 || offsetHour > 23 || offsetMinute > 59) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCFullYear() !== year || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  const offsetMs = (offsetHour * 60 + offsetMinute) * minuteMs * (match[8] === '-' ? -1 : 1);
  return date.getTime() + ((hour * 60 + minute) * 60 + second) * 1000 + fractionMs - offsetMs;
}

// A date or a time of day at the start; a day or a month in words before a number; a length of time; a word for a time.
const looks = [
  /^\d{4}[-/.]\d{1,2}[-/.]\d{1,2}/,
  /^\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}/,
  /^(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])(?:T\d{4,6}(?:[.,]\d+)?(?:Z|[+-]\d\d(?::?\d\d)?)?)?$/i,
  // Weeks and days of a year, and years with a sign, of ISO 8601.
  /^[+-]?\d{4,6}-?W[0-5]\d/i,
  /^(?:19|20)\d\d-[0-3]\d\d(?:T|$)/i,
  /^[+-]\d{4,6}-\d\d-\d\d/,
  /^T?\d{1,2}:\d\d/i,
  /^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\b[\s,]/i,
  /^(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?\s+\d/i,
  /^(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?$/i,
  /^(?:\d{1,2}|\d{4})[-/.\s]+(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)/i,
  /^(?:in|at|after|\+)?\s*(?:\d+(?:\.\d+)?\s*(?:ms|s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?|w|weeks?|months?|years?)\s*)+(?:from now|later)?$/i,
  /^(?:half|an?|one|two|three)\s[a-z ]*\b(?:minute|hour|day|week|month|year)s?\b/i,
  /^\d{1,2}\s*(?:am|pm|o'clock)\b/i,
  /^P(?:\d|T\d)/,
  /^(?:at|in|on|after|next|this)\s/i,
  /^(?:tomorrow|tonight|today|noon|midnight|later)\b/i,
];
const epochUnits = [1000, 1, 1e-3, 1e-6];

function isFutureEpoch(text: string, nowMs: number): boolean {
  if (!/^@?\d{9,19}(?:\.\d+)?$/.test(text)) return false;
  const value = Number(text.replace('@', ''));
  if (text.startsWith('@')) return value * 1000 > nowMs + minuteMs;
  // Seconds to nanoseconds, whichever is nearest to today.
  const years = 50 * 365 * 86_400_000;
  return epochUnits.some((unit) => value * unit > nowMs + minuteMs && value * unit < nowMs + years);
}

// As `date +%Y%m%d%H%M%S` writes it, with or without seconds; of one that has passed, a number like any other.
const digitsOnly = /^((?:19|20)\d\d)(0[1-9]|1[0-2])([0-2]\d|3[01])([01]\d|2[0-3])([0-5]\d)([0-5]\d)?$/;

function isFutureDigits(text: string, nowMs: number): boolean {
  const match = digitsOnly.exec(text);
  if (match === null) return false;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0] = match.slice(1, 6).map(Number);
  const second = Number(match[6] ?? 0);
  // Whose time it is, is not said: up to a day later it may be a time that has just passed somewhere.
  return Date.UTC(year, month - 1, day, hour, minute, second) > nowMs + dayMs;
}

/** As a person sees it: without quotes and what is not shown, with ASCII dashes, and with some ASCII digit for each other one. */
function plainText(text: string): string {
  return text
    .normalize('NFKC')
    .replace(/[\p{Cf}"']/gu, '')
    .replace(/[\p{Pd}\u2212]/gu, '-')
    .replace(/[^\P{Nd}0-9]/gu, '1')
    .trim();
}

/**
 * Reads a value that may be a time. What looks like one and is not understood is `unclear`, unless it can only mean a time
 * that has passed, as the output of `date` or `date +%s` does: then it is as good as any other value.
 */
export function askedTime(value: string, nowMs: number): AskedTime {
  const text = value.trim();
  const ms = instantOf(text);
  if (ms !== undefined) return { kind: 'at', ms };
  if (isFutureEpoch(text, nowMs) || isFutureDigits(text, nowMs)) return { kind: 'unclear' };
  const plain = plainText(text);
  if (!looks.some((pattern) => pattern.test(plain))) return { kind: 'none' };
  // Without a year it is taken for one long ago.
  return /^[a-z]{3},? .*\b\d{4}\b/i.test(text) && Date.parse(text) <= nowMs ? { kind: 'none' } : { kind: 'unclear' };
}
