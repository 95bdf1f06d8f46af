import { appendFile, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '#common/log.js';
import { createKeyedLock } from '#common/keyed-lock.js';

/** Somebody who is to have a name. */
export interface NamedOwner {
  readonly uid: number;
  readonly name: string;
  readonly home: string;
}

/** Gives uids names, so that `ls`, `ssh` and a prompt know them. */
export interface NameFiles {
  /** Once for each uid. A name that cannot be written down is logged, and missing. */
  add(owner: NamedOwner): Promise<void>;
}

/** What `createNameFiles` needs. */
export interface NameFilesDeps {
  /** Where `passwd` and `group` are: files that programs read and only this process writes. */
  readonly directory: string;
  /** Login shell. */
  readonly shell: string;
  readonly log: Log;
}

/** Lines of passwd(5) and group(5) are appended: mounted as single files they cannot be replaced. */
export function createNameFiles({ directory, shell, log }: NameFilesDeps): NameFiles {
  const turns = createKeyedLock();
  const addLine = async (file: string, name: string, line: string): Promise<void> => {
    const path = join(directory, file);
    const bytes = await readFile(path);
    const text = bytes.toString('utf8');
    if (text.split('\n').some((known) => known.startsWith(`${name}:`))) return;
    try {
      await appendFile(path, `${text === '' || text.endsWith('\n') ? '' : '\n'}${line}\n`);
    } catch (error) {
      // Half a line would be taken for one: with another uid, and for good.
      await truncate(path, bytes.length);
      throw error;
    }
  };
  return {
    add: async ({ uid, name, home }) => {
      try {
        await turns.run('lines', async () => {
          await addLine('group', name, `${name}:x:${uid}:`);
          await addLine('passwd', name, `${name}:x:${uid}:${uid}::${home}:${shell}`);
        });
      } catch (err) {
        log.warn({ err, uid }, 'An owner has no name: passwd or group could not be written');
      }
    },
  };
}
