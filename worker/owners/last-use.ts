import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '#common/time/clock.js';
import { systemCode } from '#common/errors/storage-error.js';

/** When owners last had a session on this node; it outlives workers and boots. */
export interface LastUse {
  /** The owner has one now. */
  touch(uid: number): Promise<void>;
  /** Milliseconds since, by the node's clock; undefined when nothing was noted. */
  ageMs(uid: number): Promise<number | undefined>;
}

/** The time of the empty file `<directory>/<uid>.used`. */
export function createLastUse({ directory, clock }: { readonly directory: string; readonly clock: Clock }): LastUse {
  const pathOf = (uid: number): string => join(directory, `${uid}.used`);
  return {
    touch: async (uid) => {
      const file = await open(pathOf(uid), 'a', 0o600);
      try {
        const now = clock.date();
        await file.utimes(now, now);
        await file.sync();
      } finally {
        await file.close();
      }
    },
    ageMs: async (uid) => {
      try {
        return clock.date().getTime() - (await stat(pathOf(uid))).mtimeMs;
      } catch (error) {
        if (systemCode(error) === 'ENOENT') return undefined;
        throw error;
      }
    },
  };
}
