import { sleep, type Clock } from '#common/time/clock.js';
import { isPaneletError } from '#common/errors/errors.js';

import { objectKey, pods, type KubeApi, type Resource } from '#kube/api.js';
import type { KubeObject, Pod } from '#kube/objects.js';
import { claimAnnotation, uncordonFinalizer } from '../restart/api/annotations.js';
import { isFinished, panelRestarts, type PanelRestart } from '../restart/api/panel-restart.js';

/** What a cleanup needs. */
export interface CleanupDeps {
  readonly api: KubeApi;
  readonly clock: Clock;
  /** Tells people what is done, a line each. */
  readonly say: (line: string) => void;
}

/** What is cleaned up, and how patiently. */
export interface CleanupOptions {
  readonly namespace: string;
  /** How long the controllers have to end everything themselves, in milliseconds. */
  readonly timeoutMs: number;
}

const lookAgainMs = 1_000;
const pageSize = 500;
/** Somebody else may write at the same time. */
const maxTries = 5;

/**
 * Ends all PanelRestarts of a namespace before Panelet goes: asks the controllers to abort them, which uncordons, deletes
 * them, and waits. Of those that are left at the end of the time it takes the finalizer off, so that they go too; their
 * cordons end by themselves with their leases. Whatever is not there counts as done.
 * @throws PaneletError when the API server refuses or cannot be reached.
 */
export async function runCleanup(deps: CleanupDeps, { namespace, timeoutMs }: CleanupOptions): Promise<void> {
  const { api, clock, say } = deps;
  const endMs = clock.nowMs() + timeoutMs;
  const told = new Set<string>();
  let left = await restartsOf(api, namespace);
  say(left.length === 0 ? `No PanelRestart in ${namespace}.` : `PanelRestarts in ${namespace}: ${left.length}.`);
  while (left.length > 0) {
    for (const restart of left) await askToGo(deps, restart, told);
    left = await restartsOf(api, namespace);
    if (left.length === 0 || clock.nowMs() >= endMs) break;
    await sleep(clock, lookAgainMs);
    left = await restartsOf(api, namespace);
  }
  for (const restart of left) await takeFinalizerOff(deps, restart);
  await dropClaims(deps, namespace);
  say('Done: nothing of Panelet is under way any more.');
}

async function askToGo({ api, say }: CleanupDeps, restart: PanelRestart, told: Set<string>): Promise<void> {
  const key = objectKey(restart);
  const { name, uid = '', deletionTimestamp } = restart.metadata;
  await ifThere(async () => {
    if (!isFinished(restart) && restart.spec.abort !== true) {
      await api.patch(panelRestarts, key, { metadata: { uid }, spec: { abort: true } });
      say(`${name}: asked to abort.`);
    }
    if (deletionTimestamp === undefined && !told.has(uid)) {
      await api.delete(panelRestarts, key, { uid });
      say(`${name}: deleted; it goes when its pods are uncordoned.`);
      told.add(uid);
    }
  });
}

async function takeFinalizerOff({ api, say }: CleanupDeps, restart: PanelRestart): Promise<void> {
  const key = objectKey(restart);
  await ifThere(async () => {
    for (let tries = 1; ; tries++) {
      const now = tries === 1 ? restart : await api.get(panelRestarts, key);
      const { uid, resourceVersion, finalizers = [] } = now.metadata;
      if (uid !== restart.metadata.uid || !finalizers.includes(uncordonFinalizer)) return;
      const others = finalizers.filter((finalizer) => finalizer !== uncordonFinalizer);
      try {
        await api.patch(panelRestarts, key, { metadata: { uid, resourceVersion, finalizers: others } });
        say(
          `${key.name}: no controller let it go in time; its finalizer is removed. Its cordons end with their leases.`,
        );
        return;
      } catch (error) {
        if (!isPaneletError(error, 'API_CONFLICT') || tries >= maxTries) throw error;
      }
    }
  });
}

async function dropClaims({ api, say }: CleanupDeps, namespace: string): Promise<void> {
  const claimed = (await listAll(api, pods, namespace)).filter(
    (pod: Pod) => pod.metadata.annotations?.[claimAnnotation] !== undefined,
  );
  for (const pod of claimed) {
    const { uid } = pod.metadata;
    await ifThere(async () => {
      await api.patch(pods, objectKey(pod), { metadata: { uid, annotations: { [claimAnnotation]: null } } });
      say(`Pod ${pod.metadata.name}: its claim is removed.`);
    });
  }
}

/** The restarts; none when there is not even the kind. */
async function restartsOf(api: KubeApi, namespace: string): Promise<readonly PanelRestart[]> {
  try {
    return await listAll(api, panelRestarts, namespace);
  } catch (error) {
    if (isPaneletError(error, 'API_NOT_FOUND')) return [];
    throw error;
  }
}

async function listAll<T extends KubeObject>(api: KubeApi, resource: Resource<T>, namespace: string): Promise<T[]> {
  const found: T[] = [];
  let next: string | undefined;
  do {
    const page = await api.list(resource, {
      namespace,
      limit: pageSize,
      ...(next === undefined ? {} : { continue: next }),
    });
    found.push(...page.items);
    next = page.metadata.continue === '' ? undefined : page.metadata.continue;
  } while (next !== undefined);
  return found;
}

/** What has gone, or has been replaced by another of its name, needs nothing. */
async function ifThere(act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    const gone = isPaneletError(error, 'API_NOT_FOUND') || isPaneletError(error, 'API_CONFLICT');
    if (!gone) throw error;
  }
}
