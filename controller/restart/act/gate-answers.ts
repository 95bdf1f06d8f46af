import type { Clock } from '#common/time/clock.js';
import { State } from '#proto/gate/v1/gate.js';
import type { GateQuestion } from '../decide/gate-questions.js';
import type { GateView } from '../decide/snapshot.js';

/** How long an answer is good while nothing is heard that says otherwise, in milliseconds. */
const goodMs = 500;

interface Answer {
  /** The pod whose gate it is, as it was when it was asked. */
  readonly gate: GateQuestion['gate'];
  readonly view: GateView;
  untilMs: number;
}

/**
 * What gates said a moment ago, so that a look for the sake of one pod does not ask the gates of all others again. A receipt is
 * remembered only until it is written down: what a pod is deleted for is asked just before.
 */
export class GateAnswers {
  readonly #clock: Clock;
  readonly #answers = new Map<string, Answer>();
  /** The question under way about a pod, unless something has happened since. */
  readonly #asking = new Map<string, object>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What the gate said, if that is still good and its pod has not changed. */
  of({ uid, gate, isForRecord = false }: GateQuestion): GateView | undefined {
    const answer = this.#answers.get(uid);
    if (answer === undefined || answer.gate !== gate || this.#clock.nowMs() >= answer.untilMs) return undefined;
    return isForRecord || isPassing(answer.view) ? answer.view : undefined;
  }

  /** The gate is asked now. Returns what takes the answer, which counts for nothing if something happens meanwhile. */
  asking({ uid, gate, isForRecord = false }: GateQuestion): (view: GateView) => void {
    const mark = {};
    this.#asking.set(uid, mark);
    return (view) => {
      if (this.#asking.get(uid) !== mark) return;
      this.#asking.delete(uid);
      const isKept = isPassing(view) || (isForRecord && view.kind === 'answered');
      if (isKept) this.#answers.set(uid, { gate, view, untilMs: this.#clock.nowMs() + goodMs });
      else this.#answers.delete(uid);
    };
  }

  /** The gate may say something else from then on, in milliseconds of the clock. */
  limit(uid: string, untilMs: number): void {
    const answer = this.#answers.get(uid);
    if (answer !== undefined) answer.untilMs = Math.min(answer.untilMs, untilMs);
  }

  /** Something has happened at the gate of a pod. */
  forget(uid: string): void {
    this.#answers.delete(uid);
    this.#asking.delete(uid);
  }

  /** Forgets all but the pods of these uids. */
  keepOnly(uids: ReadonlySet<string>): void {
    for (const uid of this.#answers.keys()) if (!uids.has(uid)) this.forget(uid);
  }
}

function isPassing(view: GateView): boolean {
  return view.kind === 'answered' && view.status.state !== State.CLOSED && view.status.state !== State.FORCED;
}
