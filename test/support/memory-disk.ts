import { basename, dirname } from 'node:path';
import type { FileSystem, WritableFile } from '#common/files/file-system.js';

/** A disk in memory: it survives the workers that use it, one after the other, and costs no waiting. */
export interface MemoryDisk {
  /** The disk as one worker sees it. */
  mount(): MountedDisk;
  /** Ends what nobody has forced to the disk, as far as links go: the rest is as if it had been. */
  cutPower(): void;
}

/** A disk in use. */
export interface MountedDisk {
  readonly fileSystem: FileSystem;
  /** From now on every call fails, as nothing that a killed process meant to write is written. */
  detach(): void;
}

interface File {
  bytes: Buffer;
}

type Entry = File | 'directory';
type Entries = Map<string, Entry>;

/** An empty disk. */
export function createMemoryDisk(): MemoryDisk {
  const entries: Entries = new Map();
  /** Links whose directory was not synced since. */
  const loose = new Set<string>();
  return {
    cutPower: () => {
      for (const path of loose) entries.delete(path);
      loose.clear();
    },
    mount: () => {
      let isDetached = false;
      const fileSystem = createMemoryFileSystem({ entries, loose }, () => {
        if (isDetached) throw systemError('EIO', 'the disk is gone');
      });
      return {
        fileSystem,
        detach: () => {
          isDetached = true;
        },
      };
    },
  };
}

/** Synchronous work as the promise that a disk would give. */
function createMemoryFileSystem(
  { entries, loose }: { readonly entries: Entries; readonly loose: Set<string> },
  requireDisk: () => void,
): FileSystem {
  const step = <T>(work: () => T): Promise<T> =>
    Promise.resolve().then(() => {
      requireDisk();
      return work();
    });
  const requireDirectory = (path: string): void => {
    if (entries.get(path) !== 'directory') throw systemError('ENOENT', path);
  };
  const writable = (file: File): WritableFile => ({
    write: (bytes) =>
      step(() => {
        file.bytes = Buffer.concat([file.bytes, bytes]);
      }),
    sync: () => step(() => undefined),
    close: () => Promise.resolve(),
  });
  return {
    create: (path) =>
      step(() => {
        requireDirectory(dirname(path));
        const file: File = { bytes: Buffer.alloc(0) };
        entries.set(path, file);
        return writable(file);
      }),
    read: (path) => step(() => Buffer.from(fileAt(entries, path).bytes)),
    rename: (from, to) =>
      step(() => {
        if (!entries.has(from)) throw systemError('ENOENT', from);
        requireDirectory(dirname(to));
        for (const path of below(entries, from)) {
          const entry = entries.get(path);
          entries.delete(path);
          if (entry !== undefined) entries.set(to + path.slice(from.length), entry);
          if (loose.delete(path)) loose.add(to + path.slice(from.length));
        }
      }),
    unlink: (path) =>
      step(() => {
        fileAt(entries, path);
        entries.delete(path);
      }),
    link: (from, to) =>
      step(() => {
        const file = fileAt(entries, from);
        requireDirectory(dirname(to));
        if (entries.has(to)) throw systemError('EEXIST', to);
        entries.set(to, file);
        loose.add(to);
      }),
    mkdir: (path) =>
      step(() => {
        if (entries.has(path)) throw systemError('EEXIST', path);
        requireDirectory(dirname(path));
        entries.set(path, 'directory');
      }),
    mkdirs: (path) =>
      step(() => {
        for (let at = path; entries.get(at) !== 'directory'; at = dirname(at)) entries.set(at, 'directory');
      }),
    list: (path) =>
      step(() => {
        requireDirectory(path);
        return [...entries.keys()]
          .filter((other) => other !== path && dirname(other) === path)
          .map((at) => basename(at));
      }),
    syncDirectory: (path) =>
      step(() => {
        requireDirectory(path);
        for (const link of loose) if (dirname(link) === path) loose.delete(link);
      }),
    removeTree: (path) =>
      step(() => {
        for (const at of below(entries, path)) entries.delete(at);
      }),
  };
}

function fileAt(entries: ReadonlyMap<string, Entry>, path: string): File {
  const entry = entries.get(path);
  if (entry === undefined) throw systemError('ENOENT', path);
  if (entry === 'directory') throw systemError('EISDIR', path);
  return entry;
}

function below(entries: ReadonlyMap<string, Entry>, path: string): readonly string[] {
  return [...entries.keys()].filter((other) => other === path || other.startsWith(`${path}/`));
}

function systemError(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}
