import type { Clock } from '#common/time/clock.js';

import type { DaemonSet } from '#kube/objects.js';
import {
  errorAnnotation,
  observedAnnotation,
  requestedAnnotation,
  restartAnnotation,
  resultAnnotation,
} from '../api/annotations.js';
import type { RestartAudit } from '../report/audit.js';
import { parseCounted } from '../api/counted-value.js';
import { isTerminating } from '../facts/pods.js';
import { refusedResult } from '../api/refused-result.js';
import { canonicalValue, requestOf } from './annotation-request.js';
import { accept } from './accept.js';
import type { TargetWriter } from './target-writer.js';

/** Takes up what a target asks for. */
export interface Trigger {
  /**
   * Makes the restart that a target asks for, if it asks for a new one.
   * @returns when to look again if nothing happens, in milliseconds
   * @throws PaneletError when the API server refuses; trying again makes the same object.
   */
  take(target: DaemonSet): Promise<number | undefined>;
}

function complaintsAt({ metadata: { annotations = {} } }: DaemonSet): readonly string[] {
  return [
    ...(annotations[errorAnnotation] === undefined ? [] : [errorAnnotation]),
    ...(annotations[resultAnnotation]?.startsWith(refusedResult) === true ? [resultAnnotation] : []),
  ];
}

/** What a trigger is made of. */
export interface TriggerDeps {
  readonly writer: TargetWriter;
  readonly audit: RestartAudit;
  readonly clock: Clock;
}

/** Takes up requests by annotation; the name of a restart follows from the count of requests. */
export function createTrigger({ writer, audit, clock }: TriggerDeps): Trigger {
  const refuse = async (target: DaemonSet, message: string): Promise<void> => {
    audit.refused(target, message);
    const event = { type: 'Warning', reason: 'InvalidRestartRequest', action: 'Restart', text: message } as const;
    const asked = canonicalValue(target.metadata.annotations?.[restartAnnotation] ?? '');
    // With the value: the same mistake in another request is told again.
    await writer.refuse(target, { [errorAnnotation]: message, [resultAnnotation]: `${refusedResult}${asked}` }, event);
  };

  return {
    take: async (target) => {
      if (isTerminating(target)) return undefined;
      await accept({ writer, audit }, target, {
        ...{ request: requestOf(target, clock.date()), observedAnnotation, complaints: complaintsAt(target) },
        // One that was made before a crash may be for an earlier value: the count says what it was for.
        observedOf: ({ metadata }) => {
          const requested = metadata.annotations?.[requestedAnnotation];
          return parseCounted(requested) === undefined ? undefined : requested;
        },
        refuse: (message) => refuse(target, message),
      });
      return undefined;
    },
  };
}
