import { readlinkSync, realpathSync } from 'node:fs';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import { systemCode } from '#common/errors/storage-error.js';
import { PaneletError } from '#common/errors/errors.js';

/** The directories below which files may be read. */
export interface AllowedRoots {
  /**
   * Where a path leads, symlinks resolved. The file itself may be missing, its directory may not. Outside of the roots nothing
   * is looked at: whoever asks for a path there learns nothing about what is there.
   * @throws PANEL_FAILED when it is not below a root, or its directory does not exist.
   */
  resolve(path: string): string;
  /** True when an open descriptor is of a file below a root, whatever became of its path. */
  permitsDescriptor(fd: number): boolean;
}

// As the kernel does: path_resolution(7).
const maxLinks = 40;

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
  const below = (path: string): Place | undefined => {
    for (const root of roots) {
      const real = realPath(root);
      const names = real === undefined ? undefined : (namesBelow(root, path) ?? namesBelow(real, path));
      if (real !== undefined && names !== undefined) return { root: real, names };
    }
    return undefined;
  };
  const follow = (path: string): string => {
    const outside = (): PaneletError =>
      refusal(`${path} is not below ${roots.join(' or ')}, which is all that may be read here`);
    let next = resolve(path);
    for (let links = 0; links <= maxLinks; links++) {
      const place = below(next);
      if (place === undefined) throw outside();
      const step = walk(place);
      if (step.kind === 'there') return step.path;
      if (step.kind === 'no-directory') throw refusal(`the directory of ${path} does not exist`);
      next = step.to;
    }
    throw outside();
  };
  return {
    resolve: (path) => {
      if (!isAbsolute(path)) throw refusal(`"${path}" is not an absolute path`);
      if (roots.some((root) => resolve(root) === resolve(path)))
        throw refusal(`${path} is a directory: name a file in it`);
      return follow(path);
    },
    permitsDescriptor: (fd) => {
      try {
        return below(readlinkSync(`/proc/self/fd/${fd}`).replace(/ \(deleted\)$/, '')) !== undefined;
      } catch {
        return false;
      }
    },
  };
}

/** A path below a root: the root without symlinks, and the names from there. */
interface Place {
  readonly root: string;
  readonly names: readonly string[];
}

type Step =
  | { readonly kind: 'there'; readonly path: string }
  | { readonly kind: 'no-directory' }
  | { readonly kind: 'link'; readonly to: string };

// Goes down from a root until a link leads elsewhere, or all names are used up.
function walk({ root, names }: Place): Step {
  let directory = root;
  for (const [index, name] of names.entries()) {
    const path = join(directory, name);
    const isLast = index === names.length - 1;
    const found = readLink(path);
    if (found.kind === 'link') return { kind: 'link', to: resolve(directory, found.to, ...names.slice(index + 1)) };
    if (found.kind === 'nothing' && !isLast) return { kind: 'no-directory' };
    directory = path;
  }
  return { kind: 'there', path: directory };
}

function readLink(path: string): { kind: 'link'; to: string } | { kind: 'nothing' | 'no-link' } {
  try {
    return { kind: 'link', to: readlinkSync(path) };
  } catch (error) {
    return { kind: systemCode(error) === 'EINVAL' ? 'no-link' : 'nothing' };
  }
}

/** The names that lead from a directory to a path below it; undefined for every other path. */
function namesBelow(directory: string, path: string): readonly string[] | undefined {
  const between = relative(directory, path);
  if (between === '' || between === '..' || between.startsWith(`..${sep}`)) return undefined;
  return between.split(sep);
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
