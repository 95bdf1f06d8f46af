import { isPaneletError } from '#common/errors/errors.js';
import { resultAnnotation } from '../api/annotations.js';
import {
  progress,
  quiet,
  type ActionContext,
  type ActionOf,
  type ActionResult,
  type ActionTools,
} from './action-tools.js';

/** A word to whoever waits for the target's request. Where it may not be said, everything else goes on. */
export async function reportResult(
  { targets, log }: ActionTools,
  _context: ActionContext,
  { target, result }: ActionOf<'report'>,
): Promise<ActionResult> {
  try {
    await targets.annotate(target, { [resultAnnotation]: result });
    return progress;
  } catch (error) {
    if (!isPaneletError(error, 'API_REFUSED')) throw error;
    log.warn({ err: error, target: target.metadata.name }, 'The target cannot be told what became of its request');
    return quiet;
  }
}
