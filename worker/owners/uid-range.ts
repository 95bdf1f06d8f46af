import { z } from 'zod';
import { PaneletError } from '#common/errors/errors.js';

/** Which uids owners get. */
export interface UidRange {
  /** First uid that is given. */
  readonly first: number;
  /** How many there are. */
  readonly count: number;
  /** Identities that always have the same uid, on every node; none of these is in the range. */
  readonly identities: Readonly<Record<string, number>>;
}

/** What is given without the parameter `uids`: above what Linux gives to people and services, below subordinate uids. */
export const defaultUidRange: UidRange = { first: 70_000, count: 30_000, identities: {} };

const uid = z.number().int().min(1000).max(2_000_000_000);
const schema = z.strictObject({
  first: uid.default(defaultUidRange.first),
  count: z.number().int().min(1).max(1_000_000).default(defaultUidRange.count),
  identities: z.record(z.string().min(1), uid).default({}),
});

// Linux gives these to people (UID_MIN and UID_MAX of login.defs) and to services of systemd.
const people = { first: 1000, last: 65_535 };

/**
 * Reads the worker's parameter `uids`, JSON such as `{"first":70000,"count":30000,"identities":{"alice":110000}}`.
 * @throws CONFIG_INVALID
 */
export function readUidRange(text: string | undefined): UidRange {
  if (text === undefined) return defaultUidRange;
  const parsed = schema.safeParse(parseJson(text));
  if (!parsed.success) {
    invalid(`must be JSON with "first" and "count" (numbers from 1000 and 1) and "identities" (uids by identity)`);
  }
  const range = parsed.data;
  const mapped = Object.values(range.identities);
  if (new Set(mapped).size < mapped.length) invalid('gives one uid to two identities');
  const inside = mapped.find((value) => isInRange(range, value));
  if (inside !== undefined) invalid(`gives ${inside} to an identity, which is also in the range for everybody`);
  return range;
}

/**
 * Compares a range with what the kernel maps here.
 * @param uidMap text of /proc/self/uid_map
 * @throws CONFIG_INVALID when the range is for people of the node, or does not exist in this user namespace.
 */
export function checkUidRange(range: UidRange, uidMap: string): void {
  const last = range.first + range.count - 1;
  const maps = uidMap
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const isOwnNamespace = !maps.some(([inside, outside]) => inside === 0 && outside === 0);
  if (!isOwnNamespace && range.first <= people.last && last >= people.first) {
    invalid(
      `${range.first}-${last} overlaps ${people.first}-${people.last}, which belong to the node's people and services`,
    );
  }
  const every = [range.first, last, ...Object.values(range.identities)];
  const missing = every.find(
    (value) => !maps.some(([start = 0, , length = 0]) => value >= start && value < start + length),
  );
  if (missing !== undefined) invalid(`uid ${missing} does not exist in this user namespace`);
}

/** True for a uid that the range gives to anybody. */
export function isInRange(range: Pick<UidRange, 'first' | 'count'>, value: number): boolean {
  return value >= range.first && value < range.first + range.count;
}

function invalid(reason: string): never {
  throw new PaneletError('CONFIG_INVALID', `Parameter "uids" of the terminal's worker: ${reason}.`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
