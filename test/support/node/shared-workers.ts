import { join } from 'node:path';
import type { FileSystem } from '#common/files/file-system.js';
import { createMemoryDisk, type MountedDisk } from '../memory-disk.js';
import { createMemoryInstances, type MemoryInstance } from '../memory-instances.js';
import { startPassage } from '../passage.js';
import { startRunningWorker, type RunningWorker, type RunningWorkerOptions } from '../running-worker.js';

/** A worker of several that share a disk. */
export interface SharedWorker extends RunningWorker {
  readonly instance: MemoryInstance;
  /** Ends it as SIGKILL does: nothing more is written, and the others know at once. */
  crash(): Promise<void>;
}

/** Workers of one panel beside each other on one disk. */
export interface SharedWorkers {
  /** What clients connect to: leads to the worker of the last `lead`. */
  readonly socket: string;
  /** The disk, to look at it. */
  readonly fileSystem: FileSystem;
  start(options?: Partial<RunningWorkerOptions>, through?: (disk: FileSystem) => FileSystem): Promise<SharedWorker>;
  /** Cuts all connections; from now on clients reach this one. */
  lead(to: RunningWorker): Promise<void>;
  close(): Promise<void>;
}

/** No worker yet. */
export async function createSharedWorkers(dir: string): Promise<SharedWorkers> {
  const disk = createMemoryDisk();
  const instances = createMemoryInstances();
  const ends: (() => Promise<void>)[] = [];
  const socket = join(dir, 'front.sock');
  let target = socket;
  const passage = await startPassage(socket, () => ({ path: target }));
  return {
    socket,
    fileSystem: disk.mount().fileSystem,
    start: async (options = {}, through = (same) => same) => {
      const mounted: MountedDisk = disk.mount();
      const instance = instances.join();
      const running = await startRunningWorker({
        ...{ dir, socket: join(dir, `${instance.own.number}.sock`), fileSystem: through(mounted.fileSystem) },
        join: () => Promise.resolve(instance),
        ...options,
      });
      let ended: Promise<void> | undefined;
      const stop = (graceMs?: number): Promise<void> => (ended ??= running.stop(graceMs));
      ends.push(stop);
      const crash = (): Promise<void> => {
        mounted.detach();
        instance.kill();
        return stop(0);
      };
      return { ...running, instance, stop, crash };
    },
    lead: async (to) => {
      await passage.block();
      target = to.socket;
      await passage.open();
    },
    close: async () => {
      await passage.block();
      await Promise.all(ends.map((end) => end()));
    },
  };
}
