import type { Clock } from '#common/time/clock.js';

import { objectKey, type KubeApi } from '#kube/api.js';
import { uidOf } from '../facts/pods.js';
import type { ClusterView } from '../api/ports.js';
import { urgencyOf, type Urgency } from '../decide/status.js';
import { isFinished, panelRestarts, type PanelRestart, type PanelRestartStatus } from '../api/panel-restart.js';

/** News that nothing depends on is written no more often than this. */
const newsEveryMs = 2_000;
/** What others gain by waiting with is written no more often than this. */
const gatherMs = 250;

const pauses: Readonly<Record<Exclude<Urgency, 'never'>, number>> = {
  now: -Infinity,
  soon: gatherMs,
  later: newsEveryMs,
};

/** What became of a status. */
export interface WriteResult {
  /** True when it is written, for whatever reason. */
  readonly written: boolean;
  /** True when what comes next may depend on it. */
  readonly essential: boolean;
  /** When to try again what was held back, in milliseconds. */
  readonly retryInMs?: number;
}

/** Writes statuses: at once what somebody waits for, soon what the next step depends on, now and then what people like to see. */
export interface StatusWriter {
  /**
   * Writes a status if there is a reason to.
   * @throws PaneletError API_CONFLICT when the object has changed since it was read.
   */
  write(restart: PanelRestart, next: PanelRestartStatus): Promise<WriteResult>;
}

/** What a writer is made of. */
export interface StatusWriterDeps {
  readonly api: KubeApi;
  readonly view: ClusterView;
  readonly clock: Clock;
}

/** A merge patch removes only what it names. */
function withRemovals(before: PanelRestartStatus | undefined, next: PanelRestartStatus): object {
  const gone = Object.keys(before ?? {}).filter((key) => !(key in next));
  return { ...next, ...Object.fromEntries(gone.map((key) => [key, null])) };
}

/** Starts without having written anything. */
export function createStatusWriter({ api, view, clock }: StatusWriterDeps): StatusWriter {
  const lastMs = new Map<string, number>();
  return {
    write: async (restart, next) => {
      const uid = uidOf(restart);
      const urgency = urgencyOf(restart.status, next);
      if (urgency === 'never') return { written: false, essential: false };
      const waitMs = (lastMs.get(uid) ?? -Infinity) + pauses[urgency] - clock.nowMs();
      if (waitMs > 0) return { written: false, essential: false, retryInMs: waitMs };
      const metadata = { resourceVersion: restart.metadata.resourceVersion, uid };
      const patch = { metadata, status: withRemovals(restart.status, next) };
      const written = await api.patchStatus(panelRestarts, objectKey(restart), patch);
      view.observe(panelRestarts, written);
      if (isFinished(written)) lastMs.delete(uid);
      else lastMs.set(uid, clock.nowMs());
      return { written: true, essential: urgency !== 'later' };
    },
  };
}
