import { sleep, type Clock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import type { Kubectl } from './kubectl.js';

/** A request by annotation, and where it was made. */
export interface AskedRestart {
  readonly kubectl: Kubectl;
  readonly clock: Clock;
  readonly namespace: string;
  /** `daemonset/<name>`. */
  readonly target: string;
}

/** What the controller has written at a target so far. */
export interface TargetWords {
  /** `<counter>:<value>` of the request that was taken up last. */
  readonly observed: string | undefined;
  /** What is wrong with the request. */
  readonly error: string | undefined;
}

// A controller answers within a second; one that is being replaced takes longer than anybody wants to wait here.
const answerMs = 5_000;
const lookEveryMs = 300;

/** Reads what the controller has written at a target. */
export async function wordsAt({ kubectl, namespace, target }: AskedRestart): Promise<TargetWords> {
  const object = JSON.parse(await kubectl.run(['get', target, '-n', namespace, '-o', 'json'])) as {
    readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
  };
  const { annotations } = object.metadata ?? {};
  return { observed: annotations?.['panelet.dev/restart-observed'], error: annotations?.['panelet.dev/restart-error'] };
}

/**
 * Waits for the controller's answer to the request of a value. `before` is what stood there when it was made.
 * @returns true when it was taken up, false when nobody has answered in time
 * @throws RESTART_FAILED with the controller's words when it refuses
 */
export async function answerTo(request: AskedRestart, value: string, before: TargetWords): Promise<boolean> {
  const untilMs = request.clock.nowMs() + answerMs;
  for (;;) {
    const { observed, error } = await wordsAt(request);
    if (observed?.replace(/^\d+:/, '') === value) return true;
    const isLate = request.clock.nowMs() >= untilMs;
    // The same words as before may be about the request before.
    if (error !== undefined && (isLate || error !== before.error)) {
      throw new PaneletError('RESTART_FAILED', `The controller does not restart ${request.target}: ${error}`);
    }
    if (isLate) return false;
    await sleep(request.clock, lookEveryMs);
  }
}
