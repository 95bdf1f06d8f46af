import { join } from 'node:path';
import type { FileSystem } from '#common/files/file-system.js';
import { storageError, systemCode } from '#common/errors/storage-error.js';
import type { InstanceName } from '#common/files/instances.js';
import { readInstanceName, type InstanceFile } from './instances.js';
import { requireSessionId } from './session-id.js';

/** What the links of a session say about who has it. */
export interface SessionLinks {
  /** The highest incarnation that was claimed; 0 for none. */
  readonly incarnation: number;
  /** The highest one that was decided; 0 for none. */
  readonly decided: number;
  /**
   * Who has decided that one, and so has the session; where there is none, who has claimed the first and so is opening it. Undefined when
   * that was a worker of an earlier release, or nobody.
   */
  readonly owner: InstanceName | undefined;
}

/**
 * Lives of sessions, each claimed once (rule R11 of the session protocol), and decided once. `<n>` claims and `<n>.live` decides, both made by
 * link(2) of the file that names the instance: the first one wins, and a link is there complete or not at all. Earlier releases claimed
 * with a directory, which names nobody.
 */
export interface IncarnationStore {
  /** @throws STATE_DIR_UNUSABLE */
  read(sessionId: string): Promise<SessionLinks>;
  /**
   * Claims an incarnation, durably.
   * @returns false when it or a higher one is claimed already, or the session has gone: somebody else was first.
   * @throws STATE_DIR_UNUSABLE
   */
  claim(sessionId: string, incarnation: number): Promise<boolean>;
  /** Who has claimed an incarnation; undefined when nobody has, or a worker of an earlier release. @throws STATE_DIR_UNUSABLE */
  claimant(sessionId: string, incarnation: number): Promise<InstanceName | undefined>;
  /**
   * Decides that this instance has the session in an incarnation. Not forced to the disk: whatever cuts the power ends all instances.
   * @returns false when somebody else has decided that.
   * @throws STATE_DIR_UNUSABLE
   */
  decide(sessionId: string, incarnation: number): Promise<boolean>;
}

/** What the store needs. */
export interface IncarnationStoreDeps {
  /** Directory that holds a directory for each session. */
  readonly directory: string;
  /** Names this instance. */
  readonly instanceFile: Pick<InstanceFile, 'path'>;
  readonly fileSystem: FileSystem;
}

/** Incarnations in `<directory>/<session id>/incarnations/`. Never removed while the session lives: each is a fence. */
export function createIncarnationStore(deps: IncarnationStoreDeps): IncarnationStore {
  return new LinkedIncarnations(deps);
}

const liveSuffix = '.live';

class LinkedIncarnations implements IncarnationStore {
  readonly #deps: IncarnationStoreDeps;

  constructor(deps: IncarnationStoreDeps) {
    this.#deps = deps;
  }

  async read(sessionId: string): Promise<SessionLinks> {
    const directory = this.#directoryOf(sessionId);
    return await this.#explained('read the incarnations', directory, async () => {
      const { claimed, decided } = await this.#highest(directory);
      const deciding = decided === 0 ? '1' : `${decided}${liveSuffix}`;
      const owner =
        claimed === 0 ? undefined : await readInstanceName(join(directory, deciding), this.#deps.fileSystem);
      return { incarnation: claimed, decided, owner };
    });
  }

  async claim(sessionId: string, incarnation: number): Promise<boolean> {
    const { fileSystem } = this.#deps;
    const directory = this.#directoryOf(sessionId);
    return await this.#explained('claim an incarnation', directory, async () => {
      if (!(await this.#make(directory))) return false;
      if ((await this.#highest(directory)).claimed >= incarnation) return false;
      if (!(await this.#link(join(directory, String(incarnation))))) return false;
      await fileSystem.syncDirectory(directory);
      await fileSystem.syncDirectory(join(directory, '..'));
      return true;
    });
  }

  async claimant(sessionId: string, incarnation: number): Promise<InstanceName | undefined> {
    const directory = this.#directoryOf(sessionId);
    return await this.#explained('read the incarnations', directory, () =>
      readInstanceName(join(directory, String(incarnation)), this.#deps.fileSystem),
    );
  }

  async decide(sessionId: string, incarnation: number): Promise<boolean> {
    const directory = this.#directoryOf(sessionId);
    return await this.#explained('decide an incarnation', directory, () =>
      this.#link(join(directory, `${incarnation}${liveSuffix}`)),
    );
  }

  #directoryOf(sessionId: string): string {
    return join(this.#deps.directory, requireSessionId(sessionId), 'incarnations');
  }

  /** @returns false when the session has gone */
  async #make(directory: string): Promise<boolean> {
    try {
      await this.#deps.fileSystem.mkdir(directory, 0o700);
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return false;
      if (systemCode(error) !== 'EEXIST') throw error;
    }
    return true;
  }

  /** @returns false when somebody else was first, or the session has gone */
  async #link(path: string): Promise<boolean> {
    const file = await this.#deps.instanceFile.path();
    try {
      await this.#deps.fileSystem.link(file, path);
      return true;
    } catch (error) {
      if (systemCode(error) === 'EEXIST' || systemCode(error) === 'ENOENT') return false;
      throw error;
    }
  }

  async #highest(directory: string): Promise<{ readonly claimed: number; readonly decided: number }> {
    const names = await this.#deps.fileSystem.list(directory).catch((error: unknown) => {
      if (systemCode(error) === 'ENOENT') return [];
      throw error;
    });
    let claimed = 0;
    let decided = 0;
    for (const name of names) {
      const [, number = '0', suffix] = /^([1-9]\d*)(\.live)?$/.exec(name) ?? [];
      if (suffix !== undefined) decided = Math.max(decided, Number(number));
      claimed = Math.max(claimed, Number(number));
    }
    return { claimed, decided };
  }

  async #explained<T>(action: string, directory: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw storageError(error, { code: 'STATE_DIR_UNUSABLE', action, directory });
    }
  }
}
