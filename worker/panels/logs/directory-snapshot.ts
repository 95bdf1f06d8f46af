import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileFacts } from './log-file.js';

/** What the names of a directory stood for at one moment. */
export interface DirectorySnapshot {
  readonly files: ReadonlyMap<string, FileFacts>;
  /** False when names kept moving while this looked: a file may be missing, or be seen under the name of another. */
  readonly isStable: boolean;
}

/**
 * Looks at the regular files of a directory whose names matter. Rotation renames many files one after the other, and a
 * look in between sees one of them twice or not at all; so it looks until two looks agree, at most `maxLooks` times.
 */
export async function takeSnapshot(
  directory: string,
  matters: (name: string) => boolean,
  maxLooks: number,
): Promise<DirectorySnapshot> {
  let files = await look(directory, matters);
  for (let looks = 1; looks < maxLooks; looks++) {
    const again = await look(directory, matters);
    const isStable = isSame(files, again);
    files = again;
    if (isStable) return { files, isStable };
  }
  return { files, isStable: false };
}

async function look(directory: string, matters: (name: string) => boolean): Promise<Map<string, FileFacts>> {
  const files = new Map<string, FileFacts>();
  for (const name of (await readdir(directory).catch(() => [])).filter(matters)) {
    const found = await stat(join(directory, name), { bigint: true }).catch(() => undefined);
    if (found?.isFile() !== true) continue;
    files.set(name, {
      dev: found.dev.toString(),
      ino: found.ino.toString(),
      sizeBytes: Number(found.size),
      modifiedNs: found.mtimeNs,
    });
  }
  return files;
}

function isSame(a: ReadonlyMap<string, FileFacts>, b: ReadonlyMap<string, FileFacts>): boolean {
  if (a.size !== b.size) return false;
  return [...a].every(([name, facts]) => b.get(name)?.ino === facts.ino && b.get(name)?.dev === facts.dev);
}
