import { PaneletError } from '#common/errors/errors.js';
import { createLatch, type Latch } from '#common/time/latch.js';
import type { Random } from '#common/random.js';
import { createQuestionTurns, type QuestionSource, type QuestionTurns, type TurnLimits } from './question-turns.js';

/** A question, and who asks it. */
export interface Asked<T> {
  /** Questions with the same key are one. */
  readonly key: string;
  readonly asker: QuestionSource;
  /** True for a question whose answer was yes before. */
  readonly renewal: boolean;
  /** Asks it. Whoever waits for it when it is asked gets what this comes to. */
  readonly run: () => Promise<T>;
}

/** Asks questions in turn; question-turns.ts says in which. */
export interface Questions<T> {
  /**
   * The answer. When the signal aborts, this asker waits no more; a question that nobody waits for and that is not under way
   * is never asked.
   * @throws PaneletError LIMIT_EXCEEDED when the question has to give way; what `run` throws; the signal's reason.
   */
  ask(asked: Asked<T>, signal: AbortSignal): Promise<T>;
  /** Questions that wait or are under way. */
  open(): number;
}

interface Waiting {
  count: number;
  readonly refused: Latch<never>;
}

interface Question<T> {
  readonly run: () => Promise<T>;
  readonly answer: Latch<T>;
  underWay: boolean;
  /** By asker, until it is under way. */
  readonly waiting: Map<string, Waiting>;
}

/** Without questions. */
export function createQuestions<T>(limits: TurnLimits, random: Random): Questions<T> {
  return new QuestionsInTurn<T>(limits, random);
}

class QuestionsInTurn<T> implements Questions<T> {
  readonly #turns: QuestionTurns;
  readonly #questions = new Map<string, Question<T>>();

  constructor(limits: TurnLimits, random: Random) {
    this.#turns = createQuestionTurns(limits, random);
  }

  open(): number {
    return this.#questions.size;
  }

  async ask(asked: Asked<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const { key, asker } = asked;
    const question = this.#questions.get(key) ?? create(asked.run);
    this.#questions.set(key, question);
    if (question.underWay) return untilAborted(question.answer.promise, signal);
    const waiting = this.#takePlace(asked, question);
    this.#start();
    try {
      return await untilAborted(Promise.race([question.answer.promise, waiting.refused.promise]), signal);
    } finally {
      this.#leave(key, asker.id, waiting);
    }
  }

  #start(): void {
    for (let place = this.#turns.next(); place !== undefined; place = this.#turns.next()) {
      void this.#run(place.key, this.#questions.get(place.key));
    }
  }

  async #run(key: string, question: Question<T> | undefined): Promise<void> {
    if (question !== undefined) {
      question.underWay = true;
      question.waiting.clear();
      await question.run().then(
        (answer) => question.answer.resolve(answer),
        (error: unknown) => question.answer.reject(error),
      );
      this.#questions.delete(key);
    }
    this.#turns.done(key);
    this.#start();
  }

  #takePlace({ key, asker, renewal }: Asked<T>, question: Question<T>): Waiting {
    const known = question.waiting.get(asker.id);
    const waiting = known ?? { count: 0, refused: createLatch<never>() };
    waiting.count++;
    if (known !== undefined) return waiting;
    question.waiting.set(asker.id, waiting);
    for (const place of this.#turns.wait(asker, key, renewal)) {
      this.#questions.get(place.key)?.waiting.get(place.askerId)?.refused.reject(gaveWay());
      this.#forget(place.key, place.askerId);
    }
    return waiting;
  }

  #leave(key: string, askerId: string, waiting: Waiting): void {
    waiting.count--;
    // A place that was refused, or whose question is under way, is nobody's any more; there may be another one by now.
    if (waiting.count > 0 || this.#questions.get(key)?.waiting.get(askerId) !== waiting) return;
    this.#turns.leave({ key, askerId });
    this.#forget(key, askerId);
  }

  #forget(key: string, askerId: string): void {
    const question = this.#questions.get(key);
    question?.waiting.delete(askerId);
    if (question?.underWay === false && question.waiting.size === 0) this.#questions.delete(key);
  }
}

function create<T>(run: () => Promise<T>): Question<T> {
  return { run, answer: createLatch<T>(), underWay: false, waiting: new Map() };
}

function gaveWay(): PaneletError {
  return new PaneletError('LIMIT_EXCEEDED', 'Too many questions to the API server wait already. Try again.');
}

async function untilAborted<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = createLatch<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([answer, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
