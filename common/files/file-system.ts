import { link, mkdir, open, readdir, readFile, rename, rm, unlink } from 'node:fs/promises';
import { makeDirectory } from './make-directory.js';

/** A file open for writing. */
export interface WritableFile {
  /** Writes all bytes. */
  write(bytes: Uint8Array): Promise<void>;
  /** Forces content and size to the disk (fsync). */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The calls on the file system that make content last; tests inject one that fails at every step. */
export interface FileSystem {
  /** Creates or empties a file with the given mode. */
  create(path: string, mode: number): Promise<WritableFile>;
  read(path: string): Promise<Buffer>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Gives a file a second name; there at once, with all of its content. @throws EEXIST */
  link(from: string, to: string): Promise<void>;
  /** Creates one directory. @throws EEXIST */
  mkdir(path: string, mode: number): Promise<void>;
  /** Creates a directory and those above it. */
  mkdirs(path: string, mode: number): Promise<void>;
  /** Names in a directory. */
  list(path: string): Promise<string[]>;
  /** Forces the entries of a directory to the disk. */
  syncDirectory(path: string): Promise<void>;
  /** Removes a directory and all below it. */
  removeTree(path: string): Promise<void>;
}

/** The file system of this machine. */
export function createNodeFileSystem(): FileSystem {
  return {
    create: async (path, mode) => {
      const handle = await open(path, 'w', mode);
      return { write: (bytes) => handle.writeFile(bytes), sync: () => handle.sync(), close: () => handle.close() };
    },
    read: (path) => readFile(path),
    rename,
    unlink,
    link,
    mkdir: (path, mode) => mkdir(path, { mode }),
    mkdirs: makeDirectory,
    list: (path) => readdir(path),
    syncDirectory: async (path) => {
      const handle = await open(path, 'r');
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    },
    removeTree: (path) => rm(path, { recursive: true, force: true }),
  };
}
