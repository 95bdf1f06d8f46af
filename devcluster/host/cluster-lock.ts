import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { systemCode } from '#common/errors/storage-error.js';
import { messageOf, PaneletError } from '#common/errors/errors.js';
import { isProcessAlive, readGroupedProcess, type ProcessIdentity } from '../launcher/proc-fs.js';

const lockFile = (directory: string): string => join(directory, 'devcluster.lock');

const lockSchema = z.object({ pid: z.number(), startTime: z.number() });

function readOwner(path: string): ProcessIdentity | undefined {
  try {
    return lockSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined;
  }
}

/** Process id of the dev cluster that runs in a directory; undefined when none does. */
export function runningCluster(directory: string): number | undefined {
  const owner = readOwner(lockFile(directory));
  return owner !== undefined && isProcessAlive(owner) ? owner.pid : undefined;
}

/**
 * Takes a directory for one dev cluster. What a killed one left is taken over.
 * @returns a function that gives it back.
 * @throws ALREADY_RUNNING when another process holds it; STATE_DIR_UNUSABLE when the lock can't be written.
 */
export function lockDirectory(directory: string, pid: number): () => void {
  const path = lockFile(directory);
  const owner = runningCluster(directory);
  if (owner !== undefined) {
    const message = `A dev cluster already runs in ${directory} (pid ${owner}). Stop it, or give another --dir.`;
    throw new PaneletError('ALREADY_RUNNING', message);
  }
  try {
    rmSync(path, { force: true });
    const content = JSON.stringify({ pid, startTime: readGroupedProcess(pid)?.startTime ?? 0 });
    writeFileSync(path, content, { flag: 'wx', mode: 0o600 });
  } catch (cause) {
    if (systemCode(cause) === 'EEXIST') {
      throw new PaneletError('ALREADY_RUNNING', `Another dev cluster is being started in ${directory}.`, { cause });
    }
    const message = `Cannot write ${path}: ${messageOf(cause)}. Check its owner and the disk.`;
    throw new PaneletError('STATE_DIR_UNUSABLE', message, { cause });
  }
  return () => rmSync(path, { force: true });
}
