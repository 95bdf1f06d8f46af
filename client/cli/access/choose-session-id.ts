import { PaneletError } from '#common/errors/errors.js';

const wholeId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const shortest = 4;
// The first block of a UUID.
const shownChars = 8;
// As many as are read at a glance.
const mostShown = 10;

/** True for a session id of full length, which needs no list to be understood. */
export function isWholeSessionId(text: string): boolean {
  return wholeId.test(text);
}

function listed(ids: readonly string[]): string {
  const more = ids.length - mostShown;
  return `${ids.slice(0, mostShown).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/**
 * The one of the caller's own session ids that is, or begins with, what was typed; at least 4 characters.
 * @param whose what is said of the sessions in the list
 * @throws CONFIG_INVALID for fewer characters, or when several begin so; SESSION_UNKNOWN when none does. Both name ids of the list.
 */
export function chooseSessionId(typed: string, ids: readonly string[], whose = 'of yours'): string {
  if (ids.includes(typed)) return typed;
  if (typed.length < shortest) {
    const message = `"${typed}" is too short for a session id: give at least ${shortest} characters of it.`;
    throw new PaneletError('CONFIG_INVALID', message);
  }
  const matching = [...new Set(ids)].filter((id) => id.startsWith(typed.toLowerCase())).sort();
  const [first, second] = matching;
  if (first === undefined) {
    const there = ids.length === 0 ? 'There is none.' : `There are: ${listed(ids)}.`;
    throw new PaneletError('SESSION_UNKNOWN', `No session ${whose} begins with ${typed}. ${there}`);
  }
  if (second === undefined) return first;
  throw new PaneletError(
    'CONFIG_INVALID',
    `Several sessions begin with ${typed}: ${listed(matching)}. Give more of it.`,
  );
}

/** The beginnings of session ids that tell them apart, of 8 characters or, where some begin alike, all of as many more as that takes. */
export function shortIds(ids: readonly string[]): readonly string[] {
  const longest = Math.max(0, ...ids.map((id) => id.length));
  let chars = shownChars;
  const cut = (): readonly string[] => ids.map((id) => id.slice(0, chars));
  while (chars < longest && new Set(cut()).size < new Set(ids).size) chars += 1;
  return cut();
}
