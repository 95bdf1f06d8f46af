import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemCode } from '../errors/storage-error.js';

/**
 * Creates a directory and those above it that are missing, each with this mode; one that is there stays as it is. As Node's
 * recursive `mkdir`, which says ENOENT when the disk is full.
 * @throws what the system says, such as ENOSPC, EACCES; EEXIST when something else is there
 */
export async function makeDirectory(path: string, mode: number): Promise<void> {
  const code = await attempt(path, mode);
  if (code !== 'ENOENT' || dirname(path) === path) return;
  await makeDirectory(dirname(path), mode);
  if ((await attempt(path, mode)) === undefined) return;
  // It was made, and removed by somebody else at once.
  throw Object.assign(new Error(`ENOENT: no such file or directory, mkdir '${path}'`), { code: 'ENOENT' });
}

/** @returns ENOENT when a directory above it is missing */
async function attempt(path: string, mode: number): Promise<'ENOENT' | undefined> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT') return code;
    if (code !== 'EEXIST' || !(await stat(path)).isDirectory()) throw error;
  }
  return undefined;
}
