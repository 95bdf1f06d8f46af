import { readlinkSync, realpathSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, sep } from 'node:path';
import { PaneletError } from '#common/errors.js';

/** The directories below which files may be read. */
export interface AllowedRoots {
  /**
   * Where a path leads, symlinks resolved. The file itself may be missing, its directory may not.
   * @throws PANEL_FAILED when it is not below a root, or its directory does not exist.
   */
  resolve(path: string): string;
  /** True when an open descriptor is of a file below a root, whatever became of its path. */
  permitsDescriptor(fd: number): boolean;
}

/**
 * Roots from a comma-separated list of absolute directories. One that does not exist permits nothing until it does.
 * @throws CONFIG_INVALID
 */
export function createAllowedRoots(list: string): AllowedRoots {
  const roots = list
    .split(',')
    .map((root) => root.trim())
    .filter((root) => root !== '');
  const wrong = roots.find((root) => !isAbsolute(root));
  if (wrong !== undefined || roots.length === 0) {
    throw new PaneletError(
      'CONFIG_INVALID',
      `Parameter "roots" of panel logs: "${wrong ?? ''}" is not an absolute directory. Example: roots=/var/log,/srv/log.`,
    );
  }
  const permits = (path: string): boolean =>
    roots.some((root) => {
      const real = realPath(root);
      return real !== undefined && path.startsWith(real === sep ? sep : real + sep);
    });
  return {
    resolve: (path) => {
      if (!isAbsolute(path)) throw refusal(`"${path}" is not an absolute path`);
      const directory = realPath(dirname(path));
      if (directory === undefined) throw refusal(`the directory of ${path} does not exist`);
      // A link to nowhere is judged by where it stands; once it leads somewhere, by where it leads.
      const real = realPath(path) ?? join(directory, basename(path));
      if (permits(real)) return real;
      throw refusal(`${path} is not below ${roots.join(' or ')}, which is all that may be read here`);
    },
    permitsDescriptor: (fd) => {
      try {
        return permits(readlinkSync(`/proc/self/fd/${fd}`).replace(/ \(deleted\)$/, ''));
      } catch {
        return false;
      }
    },
  };
}

function refusal(reason: string): PaneletError {
  return new PaneletError('PANEL_FAILED', `Cannot follow the file: ${reason}.`);
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
