import type { FileSystem, WritableFile } from '#common/files/file-system.js';

/** A file system that fails where a test says. */
export interface FaultyFileSystem extends FileSystem {
  /** Names of the calls made so far, in order. */
  readonly calls: readonly string[];
}

/** Where a fault is. */
export interface Fault {
  /** Number of the call that fails, from 0. */
  readonly at: number;
  /** The system's error code. */
  readonly code: string;
  /** "once", or "on" when everything after it fails too: a disk that is gone, or a process that was killed. */
  readonly lasts: 'once' | 'on';
  /** A write that fails has written half of its bytes; another call has done its work or not. */
  readonly effect: 'none' | 'done';
}

/** Passes every call on to `real`, but for the one that fails. */
export function createFaultyFileSystem(real: FileSystem, fault?: Fault): FaultyFileSystem {
  const calls: string[] = [];
  const step = async <T>(name: string, work: () => Promise<T>, partial?: () => Promise<unknown>): Promise<T> => {
    const number = calls.push(name) - 1;
    const fails = fault && (fault.lasts === 'once' ? number === fault.at : number >= fault.at);
    if (!fails) return work();
    if (number === fault.at && fault.effect === 'done') await (partial ?? work)();
    throw Object.assign(new Error(`${fault.code}: ${name}`), { code: fault.code });
  };
  const wrapFile = (file: WritableFile): WritableFile => ({
    write: (bytes) =>
      step(
        'write',
        () => file.write(bytes),
        () => file.write(bytes.subarray(0, bytes.length >> 1)),
      ),
    sync: () => step('sync', () => file.sync()),
    // The descriptor is closed whatever happens.
    close: () =>
      step(
        'close',
        () => file.close(),
        () => file.close(),
      ).catch(async (error: unknown) => {
        await file.close().catch(() => undefined);
        throw error;
      }),
  });
  return {
    calls,
    create: async (path, mode) =>
      wrapFile(
        await step(
          'create',
          () => real.create(path, mode),
          async () => (await real.create(path, mode)).close(),
        ),
      ),
    read: (path) => step('read', () => real.read(path)),
    rename: (from, to) => step('rename', () => real.rename(from, to)),
    link: (from, to) => step('link', () => real.link(from, to)),
    unlink: (path) => step('unlink', () => real.unlink(path)),
    mkdir: (path, mode) => step('mkdir', () => real.mkdir(path, mode)),
    mkdirs: (path, mode) => step('mkdirs', () => real.mkdirs(path, mode)),
    list: (path) => step('list', () => real.list(path)),
    syncDirectory: (path) => step('syncDirectory', () => real.syncDirectory(path)),
    removeTree: (path) => step('removeTree', () => real.removeTree(path)),
  };
}
