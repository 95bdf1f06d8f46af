import type { Clock } from '#common/clock.js';
import { isPaneletError } from '#common/errors.js';
import type { Log } from '#common/log.js';

import { daemonSets, keyOf, objectKey, type KubeApi } from '../kube/kube-api.js';
import type { DaemonSet } from '../kube/objects.js';
import { errorAnnotation, observedAnnotation, requestedAnnotation } from './annotations.js';
import { isTerminating, uidOf } from './pod-facts.js';
import type { ClusterView, Recorder } from './ports.js';
import { referenceTo } from './references.js';
import { requestOf } from './request.js';
import { parseCounted } from './standing.js';
import { panelRestarts, type PanelRestart } from './types.js';
import type { Note } from './world.js';

/** Takes up requests by annotation. */
export interface Trigger {
  /**
   * Makes the restart that a target's annotations ask for, if they ask for a new one.
   * @throws PaneletError when the API server refuses; trying again makes the same object.
   */
  take(target: DaemonSet): Promise<void>;
}

/** What a trigger is made of. */
export interface TriggerDeps {
  readonly api: KubeApi;
  readonly view: ClusterView;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly log: Log;
}

function wrongNote(message: string): Note {
  return { type: 'Warning', reason: 'InvalidRestartRequest', action: 'Restart', text: `Not restarted. ${message}` };
}

/** First the restart is made, under a name that follows from the count, then the count is written: never two for one. */
export function createTrigger({ api, view, recorder, clock, log }: TriggerDeps): Trigger {
  const annotate = async (target: DaemonSet, annotations: Record<string, string | null>): Promise<void> => {
    const metadata = { resourceVersion: target.metadata.resourceVersion, uid: uidOf(target), annotations };
    view.observe(daemonSets, await api.patch(daemonSets, objectKey(target), { metadata }));
  };

  const make = async (restart: PanelRestart): Promise<PanelRestart> => {
    try {
      return await api.create(panelRestarts, restart);
    } catch (error) {
      if (!isPaneletError(error, 'API_CONFLICT')) throw error;
      return api.get(panelRestarts, objectKey(restart));
    }
  };

  const refuse = async (target: DaemonSet, message: string): Promise<void> => {
    if (target.metadata.annotations?.[errorAnnotation] === message) return;
    recorder.record(referenceTo(daemonSets, target), wrongNote(message));
    await annotate(target, { [errorAnnotation]: message });
  };

  const forgive = async (target: DaemonSet): Promise<void> => {
    if (target.metadata.annotations?.[errorAnnotation] !== undefined)
      await annotate(target, { [errorAnnotation]: null });
  };

  return {
    take: async (target) => {
      if (isTerminating(target)) return;
      const request = requestOf(target, clock.date());
      if (request.kind === 'none') return forgive(target);
      if (request.kind === 'wrong') return refuse(target, request.message);
      let made: PanelRestart;
      try {
        made = await make(request.restart);
      } catch (error) {
        if (!isPaneletError(error, 'API_REFUSED')) throw error;
        return refuse(target, error.message);
      }
      view.observe(panelRestarts, made);
      // One that was made before a crash may be for an earlier value: the count says what it was for.
      const requested = made.metadata.annotations?.[requestedAnnotation];
      if (parseCounted(requested) === undefined || requested === undefined) {
        const message = `PanelRestart ${keyOf(made)} is in the way and was not made by this controller; delete it.`;
        return refuse(target, message);
      }
      const hadError = target.metadata.annotations?.[errorAnnotation] !== undefined;
      await annotate(target, { [observedAnnotation]: requested, ...(hadError ? { [errorAnnotation]: null } : {}) });
      log.info({ restart: { namespace: made.metadata.namespace, name: made.metadata.name } }, 'restart requested');
    },
  };
}
