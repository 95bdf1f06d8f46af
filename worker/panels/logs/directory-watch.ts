import { type FSWatcher, watch } from 'node:fs';
import type { Clock, Timer } from '#common/time/clock.js';
import type { Log } from '#common/log.js';

/** Notices that something happened to files of some directories. */
export interface DirectoryWatch {
  /** Watches exactly these directories. */
  aim(directories: readonly string[]): void;
  close(): void;
}

/** What a watch needs. */
export interface DirectoryWatchDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Called when an entry of that name, or an unknown one, has changed, and every `pollMs`. */
  readonly onChange: () => void;
  /** True for the names that matter. */
  readonly matters: (name: string) => boolean;
  /** The kernel's notices fail where watches are used up, and on some network file systems. */
  readonly pollMs: number;
}

/** Watches by inotify, with a slow look as a safety net. */
export function createDirectoryWatch(deps: DirectoryWatchDeps): DirectoryWatch {
  const watchers = new Map<string, FSWatcher>();
  let aims: readonly string[] = [];
  let timer: Timer | undefined;

  const drop = (directory: string): void => {
    watchers.get(directory)?.close();
    watchers.delete(directory);
  };
  const add = (directory: string): void => {
    try {
      const watcher = watch(directory, { persistent: false }, (kind, name) => {
        if (name === null || deps.matters(name) || kind === 'rename') deps.onChange();
      });
      watcher.on('error', () => drop(directory));
      watchers.set(directory, watcher);
    } catch (error) {
      deps.log.debug({ err: error, directory }, 'Cannot watch a directory; looking at it now and then instead');
    }
  };
  const aim = (directories: readonly string[]): void => {
    aims = directories;
    for (const directory of [...watchers.keys()]) if (!directories.includes(directory)) drop(directory);
    for (const directory of directories) if (!watchers.has(directory)) add(directory);
  };
  const poll = (): void => {
    timer = deps.clock.after(deps.pollMs, () => {
      // Anew, since a directory that was removed and made again has another watch.
      for (const directory of [...watchers.keys()]) drop(directory);
      aim(aims);
      deps.onChange();
      poll();
    });
  };
  poll();
  return {
    aim,
    close: () => {
      timer?.stop();
      aim([]);
    },
  };
}
