import { join } from 'node:path';
import type { FileSystem } from '#common/files/file-system.js';
import { requireSessionId } from './session-id.js';
import { storageError, systemCode } from '#common/errors/storage-error.js';

/** Lives of sessions, each claimed once by an atomic mkdir (rule R11 of the session protocol). */
export interface IncarnationStore {
  /** The highest one claimed; 0 for none. */
  highest(sessionId: string): Promise<number>;
  /**
   * Claims an incarnation, durably.
   * @returns false when it or a higher one is claimed already: somebody else was first.
   * @throws STATE_DIR_UNUSABLE
   */
  claim(sessionId: string, incarnation: number): Promise<boolean>;
}

/** Incarnations in `<directory>/<session id>/incarnations/`. Never removed while the session lives: each is a fence. */
export function createIncarnationStore(deps: {
  readonly directory: string;
  readonly fileSystem: FileSystem;
}): IncarnationStore {
  const { fileSystem } = deps;
  const directoryOf = (sessionId: string): string => join(deps.directory, requireSessionId(sessionId), 'incarnations');

  const highest = async (directory: string): Promise<number> => {
    const names = await fileSystem.list(directory).catch((error: unknown) => {
      if (systemCode(error) === 'ENOENT') return [];
      throw error;
    });
    return names.reduce((best, name) => (/^[1-9]\d*$/.test(name) ? Math.max(best, Number(name)) : best), 0);
  };
  const explained = async <T>(action: string, directory: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw storageError(error, { code: 'STATE_DIR_UNUSABLE', action, directory });
    }
  };
  return {
    highest: async (sessionId) => {
      const directory = directoryOf(sessionId);
      return await explained('read the incarnations', directory, () => highest(directory));
    },
    claim: async (sessionId, incarnation) => {
      const directory = directoryOf(sessionId);
      return await explained('claim an incarnation', directory, async () => {
        await fileSystem.mkdirs(directory, 0o700);
        if ((await highest(directory)) >= incarnation) return false;
        try {
          await fileSystem.mkdir(join(directory, String(incarnation)), 0o700);
        } catch (error) {
          if (systemCode(error) === 'EEXIST') return false;
          throw error;
        }
        await fileSystem.syncDirectory(directory);
        await fileSystem.syncDirectory(join(directory, '..'));
        return true;
      });
    },
  };
}
