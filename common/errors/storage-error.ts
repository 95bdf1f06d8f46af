import { type ErrorCode, PaneletError, messageOf } from './errors.js';

/** The system's error code, for example "ENOSPC"; undefined when the error does not come from the system. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

const remedies: Readonly<Record<string, string>> = {
  ENOSPC: 'The disk is full: free some space there, or put the state directory on another disk.',
  EDQUOT: 'The disk quota is used up: free some space there, or raise the quota.',
  EACCES: 'Permission is denied: let the user of this process read and write there.',
  EPERM: 'Permission is denied: let the user of this process read and write there.',
  EROFS: 'It is mounted read-only: mount it writable.',
  EIO: 'The disk reports errors: look at the kernel log, and replace the disk.',
  ENOTDIR: 'A part of the path is a file: choose another state directory.',
  ENOENT: 'It has been removed: create it again, or restart this process.',
  ENAMETOOLONG: 'The path is too long: choose a shorter state directory.',
  EMFILE: 'This process has too many files open: raise its limit (ulimit -n).',
  ENFILE: 'The system has too many files open: raise fs.file-max.',
};

// What makes the directory as a whole useless, as opposed to this one write.
const unusable = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'ENAMETOOLONG']);

/**
 * What a person needs to know when storage fails: what was tried, in which directory, and what to do. Errors that
 * concern the whole directory become STATE_DIR_UNUSABLE, others `code`. A PaneletError stays as it is.
 */
export function storageError(
  error: unknown,
  what: { code: ErrorCode; action: string; directory: string },
): PaneletError {
  if (error instanceof PaneletError) return error;
  const system = systemCode(error);
  const remedy = system === undefined ? undefined : remedies[system];
  const reason = messageOf(error);
  return new PaneletError(
    system !== undefined && unusable.has(system) ? 'STATE_DIR_UNUSABLE' : what.code,
    `Cannot ${what.action} in ${what.directory}. ${remedy ?? `The reason: ${reason}.`}`,
    { cause: error },
  );
}
