import { isPaneletError } from '#common/errors.js';

import { keyOf } from '../kube/kube-api.js';
import type { DaemonSet } from '../kube/objects.js';
import { rolloutErrorAnnotation, rolloutObservedAnnotation, rolloutRevisionAnnotation } from './annotations.js';
import type { Audit } from './audit.js';
import { isTerminating } from './pod-facts.js';
import type { ClusterView } from './ports.js';
import { rolloutRequestOf } from './rollout.js';
import { rolloutOf } from './revisions.js';
import type { TargetWriter } from './target-writer.js';
import type { Trigger } from './trigger.js';
import type { PanelRestart } from './types.js';

/** What a trigger is made of. */
export interface RolloutTriggerDeps {
  readonly view: ClusterView;
  readonly writer: TargetWriter;
  readonly audit: Audit;
}

/**
 * Takes up changed pod templates. First the restart is made, under a name that follows from the revision, then the
 * revision is written down at the target: never two for one, and none again once its restart was removed.
 */
export function createRolloutTrigger({ view, writer, audit }: RolloutTriggerDeps): Trigger {
  const refuse = async (target: DaemonSet, message: string): Promise<void> => {
    const text = `The changed pod template is not rolled out. ${message}`;
    audit.refused(target, text);
    const note = { type: 'Warning', reason: 'RolloutRefused', action: 'Restart', text } as const;
    await writer.refuse(target, rolloutErrorAnnotation, note);
  };
  return {
    take: async (target) => {
      if (isTerminating(target)) return;
      const request = rolloutRequestOf(target, view.podsOf(target), view.revisionsOf(target));
      if (request.kind === 'none') return writer.forgive(target, rolloutErrorAnnotation);
      if (request.kind === 'wrong') return refuse(target, request.message);
      let made: PanelRestart;
      try {
        made = await writer.make(request.restart);
      } catch (error) {
        if (!isPaneletError(error, 'API_REFUSED')) throw error;
        return refuse(target, error.message);
      }
      const rolled = made.metadata.annotations?.[rolloutRevisionAnnotation];
      if (rolloutOf(made) === undefined || rolled === undefined) {
        return refuse(
          target,
          `PanelRestart ${keyOf(made)} is in the way and was not made by this controller; delete it.`,
        );
      }
      const hadError = target.metadata.annotations?.[rolloutErrorAnnotation] !== undefined;
      await writer.annotate(target, {
        [rolloutObservedAnnotation]: rolled,
        ...(hadError ? { [rolloutErrorAnnotation]: null } : {}),
      });
      audit.requested(made);
    },
  };
}
