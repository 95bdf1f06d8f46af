import type { Clock } from '#common/time/clock.js';

import { keyOf } from '#kube/api.js';
import type { DaemonSet } from '#kube/objects.js';
import { rolloutErrorAnnotation, rolloutObservedAnnotation, rolloutRevisionAnnotation } from '../api/annotations.js';
import type { RestartAudit } from '../report/audit.js';
import { isTerminating } from '../facts/pods.js';
import type { ClusterView } from '../api/ports.js';
import { rolloutRequestOf } from './rollout-request.js';
import { newestRevisionOf, rolloutOf } from '../facts/revisions.js';
import { accept } from './accept.js';
import type { TargetWriter } from './target-writer.js';
import type { Trigger } from './annotation-trigger.js';

/** What a trigger is made of. */
export interface RolloutTriggerDeps {
  readonly view: ClusterView;
  readonly writer: TargetWriter;
  readonly audit: RestartAudit;
  readonly clock: Clock;
}

/**
 * Takes up changed pod templates; the name of a restart follows from the revision. What was taken up is not taken up again
 * once its restart was removed.
 */
export function createRolloutTrigger({ view, writer, audit, clock }: RolloutTriggerDeps): Trigger {
  const refuse = async (target: DaemonSet, message: string): Promise<void> => {
    // Another template is refused anew, whatever the reason.
    const revision = newestRevisionOf(view.revisionsOf(target))?.revision;
    const which = revision === undefined ? '' : `, revision ${revision},`;
    const text = `The changed pod template${which} is not rolled out. ${message}`;
    audit.refused(target, text);
    const event = { type: 'Warning', reason: 'RolloutRefused', action: 'Restart', text } as const;
    await writer.refuse(target, { [rolloutErrorAnnotation]: text }, event);
  };
  return {
    take: async (target) => {
      if (isTerminating(target)) return undefined;
      const { request, retryInMs } = rolloutRequestOf({
        ...{ target, pods: view.podsOf(target), revisions: view.revisionsOf(target) },
        ...{ restarts: view.restartsOf(keyOf(target)), now: clock.date() },
      });
      await accept({ writer, audit }, target, {
        request,
        observedAnnotation: rolloutObservedAnnotation,
        complaints: target.metadata.annotations?.[rolloutErrorAnnotation] === undefined ? [] : [rolloutErrorAnnotation],
        observedOf: (made) =>
          rolloutOf(made) === undefined ? undefined : made.metadata.annotations?.[rolloutRevisionAnnotation],
        refuse: (message) => refuse(target, message),
      });
      return retryInMs;
    },
  };
}
