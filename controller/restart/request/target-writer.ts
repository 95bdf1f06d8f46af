import { isPaneletError } from '#common/errors/errors.js';

import { daemonSets, objectKey, type KubeApi } from '#kube/api.js';
import type { DaemonSet } from '#kube/objects.js';
import { uidOf } from '../facts/pods.js';
import type { ClusterView, Recorder } from '../api/ports.js';
import { referenceTo } from '../api/references.js';
import { panelRestarts, type PanelRestart } from '../api/panel-restart.js';
import type { RestartEvent } from '../api/restart-event.js';

/** What a writer is made of. */
export interface TargetWriterDeps {
  readonly api: KubeApi;
  readonly view: ClusterView;
  readonly recorder: Recorder;
}

/** Writes what came of a target's request: the restart, and at the target that it was taken up or what is wrong. */
export interface TargetWriter {
  /**
   * Writes annotations; null removes one.
   * @throws PaneletError API_CONFLICT when the target has changed since; API_REFUSED when this one is not the controller's to
   * write to, or the API server refuses for another reason, which an event at the target says as well.
   */
  annotate(target: DaemonSet, annotations: Readonly<Record<string, string | null>>): Promise<void>;
  /** Makes a restart, or returns the one of that name. */
  make(restart: PanelRestart): Promise<PanelRestart>;
  /** Says what is wrong, as an event and in annotations; once, until these say something else. */
  refuse(target: DaemonSet, annotations: Readonly<Record<string, string>>, event: RestartEvent): Promise<void>;
}

const longestReason = 400;

// Whoever asked looks at the target, not at the controller's log.
const refusedBy = (message: string): RestartEvent => ({
  type: 'Warning',
  reason: 'TargetRefused',
  action: 'Restart',
  text: `The controller cannot note here what it took up, so nothing is restarted. A DaemonSet that is not the chart's is named in controller.daemonSets. The API server: ${message.slice(0, longestReason)}`,
});

/** A writer; every write is conditional. */
export function createTargetWriter({ api, view, recorder }: TargetWriterDeps): TargetWriter {
  const annotate: TargetWriter['annotate'] = async (target, annotations) => {
    const metadata = { resourceVersion: target.metadata.resourceVersion, uid: uidOf(target), annotations };
    try {
      view.observe(daemonSets, await api.patch(daemonSets, objectKey(target), { metadata }));
    } catch (error) {
      if (isPaneletError(error, 'API_REFUSED'))
        recorder.record(referenceTo(daemonSets, target), refusedBy(error.message));
      throw error;
    }
  };
  const makeOrGet = async (restart: PanelRestart): Promise<PanelRestart> => {
    try {
      return await api.create(panelRestarts, restart);
    } catch (error) {
      if (!isPaneletError(error, 'API_CONFLICT')) throw error;
      return api.get(panelRestarts, objectKey(restart));
    }
  };
  return {
    annotate,
    make: async (restart) => {
      const made = await makeOrGet(restart);
      view.observe(panelRestarts, made);
      return made;
    },
    refuse: async (target, annotations, event) => {
      const { annotations: said } = target.metadata;
      if (Object.entries(annotations).every(([name, value]) => said?.[name] === value)) return;
      recorder.record(referenceTo(daemonSets, target), event);
      await annotate(target, annotations);
    },
  };
}
