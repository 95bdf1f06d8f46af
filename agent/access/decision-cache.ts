import type { Clock } from '#common/time/clock.js';
import { withDeadline } from '#common/time/deadline.js';
import { isPaneletError, PaneletError } from '#common/errors/errors.js';
import type { Random } from '#common/random.js';
import type { QuestionSource, TurnLimits } from './question-turns.js';
import { createQuestions } from './questions.js';

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
  readonly random: Random;
  /** True for a decision in somebody's favour: those are kept longest when room is short. */
  readonly isPositive: (decision: T) => boolean;
  readonly validity: (decision: T) => Validity;
  /** Most questions that wait and that are under way. */
  readonly turns: TurnLimits;
  /** Most decisions that are kept. @default 4096 */
  readonly entries?: number;
}

/** For whom a decision is looked up. */
export interface Inquirer {
  /** In whose turn a question is asked. */
  readonly asker: QuestionSource;
  /** Aborts when they have gone. */
  readonly signal?: AbortSignal | undefined;
  /** True for one to whom a decision in its grace is no answer. @default false */
  readonly sure?: boolean;
}

/** Remembers decisions of the API server. */
export interface DecisionCache<T> {
  /**
   * The decision under a key: a fresh one that is known, else what `ask` finds when it is the inquirer's turn, with one question
   * under way for a key. When `ask` fails with API_UNAVAILABLE, or no answer comes in time, a decision within its grace is used,
   * except for an inquirer who has to be sure.
   * @throws PaneletError API_UNAVAILABLE without an answer within 10 s; LIMIT_EXCEEDED when the question has to give way to
   * others; what `ask` throws; the reason of the inquirer's signal.
   */
  get(key: string, ask: () => Promise<T>, inquirer: Inquirer): Promise<T>;
  /** Decisions that are kept. */
  size(): number;
  /** Questions that wait or are under way. */
  open(): number;
}

/** After a question that nobody answered, a decision in its grace is used this long without asking. */
const retryMs = 1_000;
/** Longest wait for an answer, turns of others included. */
const waitMs = 10_000;
/** The same where a decision in its grace is there: no longer than one question to an API server that is away. */
const renewalWaitMs = 5_000;

interface Entry<T> {
  readonly decision: T;
  freshUntilMs: number;
  /** True while it is used in its grace. */
  graced: boolean;
  readonly graceUntilMs: number;
}

/** A cache without decisions. */
export function createDecisionCache<T>(deps: DecisionCacheDeps<T>): DecisionCache<T> {
  const { clock } = deps;
  const kept = createKept<T>(deps);
  const questions = createQuestions<T>(deps.turns, deps.random);
  const ask = async (key: string, run: () => Promise<T>): Promise<T> => {
    const decision = await run();
    const { freshMs, graceMs } = deps.validity(decision);
    const nowMs = clock.nowMs();
    kept.keep(key, { decision, freshUntilMs: nowMs + freshMs, graced: false, graceUntilMs: nowMs + graceMs });
    return decision;
  };
  return {
    size: () => kept.size(),
    open: () => questions.open(),
    get: async (key, run, { asker, signal, sure = false }) => {
      const known = kept.find(key);
      if (known !== undefined && clock.nowMs() < known.freshUntilMs && !(sure && known.graced)) {
        kept.keep(key, known);
        return known.decision;
      }
      const renewal = known !== undefined && deps.isPositive(known.decision) && clock.nowMs() < known.graceUntilMs;
      const deadline = { clock, limitMs: renewal ? renewalWaitMs : waitMs, error: noAnswer, signals: [signal] };
      try {
        const asked = { key, asker, renewal, run: () => ask(key, run) };
        return await withDeadline(deadline, (ended) => questions.ask(asked, ended));
      } catch (error) {
        const graced = kept.find(key);
        const nowMs = clock.nowMs();
        const usable = graced !== undefined && nowMs < graced.graceUntilMs;
        if (!usable || sure || !isPaneletError(error, 'API_UNAVAILABLE')) throw error;
        graced.graced = true;
        graced.freshUntilMs = Math.min(nowMs + retryMs, graced.graceUntilMs);
        return graced.decision;
      }
    },
  };
}

function noAnswer(): PaneletError {
  return new PaneletError('API_UNAVAILABLE', 'The API server did not answer in time. Try again.');
}

interface Kept<T> {
  find(key: string): Entry<T> | undefined;
  keep(key: string, entry: Entry<T>): void;
  size(): number;
}

function createKept<T>({ isPositive, entries = 4096 }: DecisionCacheDeps<T>): Kept<T> {
  // In order of last use. Apart, so that a flood of refused tokens pushes out refusals only.
  const positive = new Map<string, Entry<T>>();
  const negative = new Map<string, Entry<T>>();
  return {
    find: (key) => positive.get(key) ?? negative.get(key),
    size: () => positive.size + negative.size,
    keep: (key, entry) => {
      positive.delete(key);
      negative.delete(key);
      (isPositive(entry.decision) ? positive : negative).set(key, entry);
      while (positive.size + negative.size > entries) {
        const crowded = negative.size > 0 ? negative : positive;
        const [oldest] = crowded.keys();
        if (oldest === undefined) return;
        crowded.delete(oldest);
      }
    },
  };
}
