import type { Clock } from '#common/clock.js';
import { isPaneletError, PaneletError } from '#common/errors.js';

/** How long a decision may be used. */
export interface Validity {
  /** Without asking again, in milliseconds. */
  readonly freshMs: number;
  /** While nobody can be asked, in milliseconds; counted from the same moment, so at least `freshMs` to matter. */
  readonly graceMs: number;
}

/** What a cache of decisions needs. */
export interface DecisionCacheDeps<T> {
  readonly clock: Clock;
  /** True for a decision in somebody's favour: those are kept longest when room is short. */
  readonly isPositive: (decision: T) => boolean;
  readonly validity: (decision: T) => Validity;
  /** Most decisions that are kept. @default 4096 */
  readonly entries?: number;
  /** Most questions under way at once. @default 256 */
  readonly questions?: number;
}

/** Remembers decisions of the API server. */
export interface DecisionCache<T> {
  /**
   * The decision under a key: a fresh one that is known, else what `ask` finds, with one question under way for a key. When
   * `ask` fails with API_UNAVAILABLE, a decision within its grace is used.
   * @throws PaneletError LIMIT_EXCEEDED when too many questions are under way; what `ask` throws.
   */
  get(key: string, ask: () => Promise<T>): Promise<T>;
  /** Decisions that are kept. */
  size(): number;
}

/** After a question that nobody answered, a decision in its grace is used this long without asking. */
const retryMs = 1_000;

interface Entry<T> {
  readonly decision: T;
  freshUntilMs: number;
  readonly graceUntilMs: number;
}

/** A cache without decisions. */
export function createDecisionCache<T>(deps: DecisionCacheDeps<T>): DecisionCache<T> {
  const { clock, entries = 4096, questions = 256 } = deps;
  // In order of last use. Apart, so that a flood of refused tokens pushes out refusals only.
  const positive = new Map<string, Entry<T>>();
  const negative = new Map<string, Entry<T>>();
  const underWay = new Map<string, Promise<T>>();
  const forget = (key: string): void => {
    positive.delete(key);
    negative.delete(key);
  };
  const keep = (key: string, entry: Entry<T>): void => {
    forget(key);
    (deps.isPositive(entry.decision) ? positive : negative).set(key, entry);
    while (positive.size + negative.size > entries) {
      const crowded = negative.size > 0 ? negative : positive;
      const [oldest] = crowded.keys();
      if (oldest === undefined) return;
      crowded.delete(oldest);
    }
  };
  const find = (key: string): Entry<T> | undefined => positive.get(key) ?? negative.get(key);
  const ask = async (key: string, run: () => Promise<T>): Promise<T> => {
    try {
      const decision = await run();
      const { freshMs, graceMs } = deps.validity(decision);
      const nowMs = clock.nowMs();
      keep(key, { decision, freshUntilMs: nowMs + freshMs, graceUntilMs: nowMs + graceMs });
      return decision;
    } catch (error) {
      const known = find(key);
      const nowMs = clock.nowMs();
      const usable = known !== undefined && nowMs < known.graceUntilMs;
      if (!usable || !isPaneletError(error, 'API_UNAVAILABLE')) throw error;
      known.freshUntilMs = Math.min(nowMs + retryMs, known.graceUntilMs);
      return known.decision;
    }
  };
  return {
    size: () => positive.size + negative.size,
    get: (key, run) => {
      const known = find(key);
      if (known !== undefined && clock.nowMs() < known.freshUntilMs) {
        keep(key, known);
        return Promise.resolve(known.decision);
      }
      const asked = underWay.get(key);
      if (asked !== undefined) return asked;
      if (underWay.size >= questions) {
        const message = 'Too many callers are being verified at once. Try again.';
        return Promise.reject(new PaneletError('LIMIT_EXCEEDED', message));
      }
      const answer = ask(key, run).finally(() => underWay.delete(key));
      underWay.set(key, answer);
      return answer;
    },
  };
}
