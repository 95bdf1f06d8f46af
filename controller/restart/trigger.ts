import type { Clock } from '#common/clock.js';
import { isPaneletError } from '#common/errors.js';

import { keyOf } from '../kube/kube-api.js';
import type { DaemonSet } from '../kube/objects.js';
import { errorAnnotation, observedAnnotation, requestedAnnotation } from './annotations.js';
import type { Audit } from './audit.js';
import { parseCounted } from './counted-value.js';
import { isTerminating } from './pod-facts.js';
import { requestOf } from './request.js';
import type { TargetWriter } from './target-writer.js';
import type { PanelRestart } from './types.js';

/** Takes up what a target asks for. */
export interface Trigger {
  /**
   * Makes the restart that a target asks for, if it asks for a new one.
   * @throws PaneletError when the API server refuses; trying again makes the same object.
   */
  take(target: DaemonSet): Promise<void>;
}

/** What a trigger is made of. */
export interface TriggerDeps {
  readonly writer: TargetWriter;
  readonly audit: Audit;
  readonly clock: Clock;
}

/**
 * Takes up requests by annotation. First the restart is made, under a name that follows from the count, then the count
 * is written: never two for one.
 */
export function createTrigger({ writer, audit, clock }: TriggerDeps): Trigger {
  const refuse = async (target: DaemonSet, message: string): Promise<void> => {
    audit.refused(target, message);
    const note = { type: 'Warning', reason: 'InvalidRestartRequest', action: 'Restart', text: message } as const;
    await writer.refuse(target, errorAnnotation, note);
  };

  return {
    take: async (target) => {
      if (isTerminating(target)) return;
      const request = requestOf(target, clock.date());
      if (request.kind === 'none') return writer.forgive(target, errorAnnotation);
      if (request.kind === 'wrong') return refuse(target, request.message);
      let made: PanelRestart;
      try {
        made = await writer.make(request.restart);
      } catch (error) {
        if (!isPaneletError(error, 'API_REFUSED')) throw error;
        return refuse(target, error.message);
      }
      // One that was made before a crash may be for an earlier value: the count says what it was for.
      const requested = made.metadata.annotations?.[requestedAnnotation];
      if (parseCounted(requested) === undefined || requested === undefined) {
        const message = `PanelRestart ${keyOf(made)} is in the way and was not made by this controller; delete it.`;
        return refuse(target, message);
      }
      const hadError = target.metadata.annotations?.[errorAnnotation] !== undefined;
      await writer.annotate(target, {
        [observedAnnotation]: requested,
        ...(hadError ? { [errorAnnotation]: null } : {}),
      });
      audit.requested(made);
    },
  };
}
