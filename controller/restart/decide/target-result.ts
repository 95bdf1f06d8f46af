import { observedAnnotation, requestedAnnotation, resultAnnotation } from '../api/annotations.js';
import { parseCounted } from '../api/counted-value.js';
import { refusedResult } from '../api/refused-result.js';
import { isTerminating } from '../facts/pods.js';
import type { Action, Snapshot } from './snapshot.js';

/** What the target is to say of the restart that it asked for; undefined when it says so, or has asked again since. */
export function reportOf({ restart, target }: Snapshot): Extract<Action, { kind: 'report' }> | undefined {
  const requested = restart.metadata.annotations?.[requestedAnnotation];
  const phase = restart.status?.phase;
  if (target === undefined || isTerminating(target) || requested === undefined || phase === undefined) return undefined;
  const { [observedAnnotation]: observed, [resultAnnotation]: said } = target.metadata.annotations ?? {};
  // A later request was refused.
  if (said?.startsWith(refusedResult) === true) return undefined;
  const result = `${phase}:${parseCounted(requested)?.value ?? ''}`;
  return observed === requested && said !== result ? { kind: 'report', target, result } : undefined;
}
