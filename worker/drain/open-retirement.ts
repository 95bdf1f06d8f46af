import { PaneletError } from '#common/errors/errors.js';
import { storageError } from '#common/errors/storage-error.js';
import type { Log } from '#common/log.js';
import type { PanelStorage } from '../storage/panel-storage.js';
import type { RetirementMemory } from './retirement.js';

/**
 * What a panel's storage remembers of the retirement of a pod. A worker that finds it at its start says at once that it is the pod's worker now.
 */
export async function openRetirement(
  storage: Pick<PanelStorage, 'instances' | 'retiredPods' | 'lookWhoRetires'>,
  { podUid, log }: { readonly podUid: string; readonly log: Log },
): Promise<RetirementMemory> {
  const { instances, retiredPods } = storage;
  const directory = 'instances';
  const save = async (retireAtMs: number | undefined): Promise<void> => {
    const retired = { instance: instances.own.number, ...(retireAtMs === undefined ? {} : { retireAtMs }) };
    try {
      await retiredPods.write(podUid, retired);
      await storage.lookWhoRetires();
    } catch (error) {
      throw storageError(error, { code: 'STATE_DIR_UNUSABLE', action: 'remember that the worker retires', directory });
    }
  };
  const stored = podUid === '' ? undefined : await retiredPods.read(podUid);
  // On a full disk it retires all the same; the others may take it for the newest then, until there is room.
  if (stored !== undefined) {
    await save(stored.retireAtMs).catch((err: unknown) =>
      log.error({ err }, 'Others are not told that this worker retires'),
    );
  }
  return {
    stored,
    save: async (retireAtMs) => {
      if (podUid !== '') return save(retireAtMs);
      throw new PaneletError(
        'OPERATION_REFUSED',
        'This worker does not know its pod (PANELET_POD_UID) and cannot retire.',
      );
    },
  };
}
