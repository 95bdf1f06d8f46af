/** Why nothing can be read: nothing is there; something is there that is not to be read; or it did not work this time. */
export interface ReadTrouble {
  readonly kind: 'absent' | 'refused' | 'failed';
  /** For people, without a name: "may not be read (EACCES)". */
  readonly reason: string;
}

/** What an error of the file system means for whoever wants to read. */
export function reasonOf(error: unknown): ReadTrouble {
  const { code = 'unknown error' } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return { kind: 'absent', reason: 'does not exist' };
    case 'EACCES':
    case 'EPERM':
      return { kind: 'refused', reason: `may not be read (${code})` };
    // A pipe without a reader, or a socket.
    case 'ENXIO':
      return { kind: 'refused', reason: 'is not a regular file' };
    default:
      return { kind: 'failed', reason: `cannot be read (${code})` };
  }
}
