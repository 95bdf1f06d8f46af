import { isPaneletError } from '#common/errors/errors.js';
import { pods, type KubeApi } from '#kube/api.js';
import type { Pod } from '#kube/objects.js';
import type { PanelRestart } from './api/panel-restart.js';
import { uidOf } from './facts/pods.js';

/** Pods that are known, by uid. */
interface Known {
  readonly withUid: (uid: string) => unknown;
}

/**
 * Pods under way that are not among those that are known. One is gone only when the API server says so: a pod may be hidden, because
 * somebody took its owner and its claim away. Each is asked for once; what is gone stays gone.
 */
export class MissingPods {
  readonly #api: Pick<KubeApi, 'get'>;
  /** Uids of pods that are gone, by uid of the restart. */
  readonly #gone = new Map<string, ReadonlySet<string>>();

  constructor(api: Pick<KubeApi, 'get'>) {
    this.#api = api;
  }

  /**
   * Pods under way in a restart that are there although they are not among `known`.
   * @throws PaneletError when the API server cannot be asked.
   */
  async find(restart: PanelRestart, known: Known): Promise<readonly Pod[]> {
    const active = restart.status?.active ?? [];
    const missing = active.filter(({ uid }) => !isKnown(known, uid));
    const before = this.#gone.get(uidOf(restart));
    if (missing.length === 0) {
      this.#gone.delete(uidOf(restart));
      return [];
    }
    const gone = new Set(missing.map(({ uid }) => uid).filter((uid) => before?.has(uid) === true));
    const found: Pod[] = [];
    for (const { pod: name, uid } of missing.filter((entry) => !gone.has(entry.uid))) {
      const pod = await this.#get(restart, name);
      if (pod !== undefined && uidOf(pod) === uid) found.push(pod);
      else gone.add(uid);
    }
    this.#gone.set(uidOf(restart), gone);
    return found;
  }

  async #get({ metadata: { namespace } }: PanelRestart, name: string): Promise<Pod | undefined> {
    try {
      return await this.#api.get(pods, { ...(namespace === undefined ? {} : { namespace }), name });
    } catch (error) {
      if (isPaneletError(error, 'API_NOT_FOUND')) return undefined;
      throw error;
    }
  }
}

function isKnown(known: Known, uid: string): boolean {
  const there = known.withUid(uid);
  return there !== undefined && there !== false;
}
