import { watch, type FSWatcher } from 'node:fs';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { createChanges, type Changes } from '../changes.js';
import type { Log } from '../log.js';
import type { Clock, Timer } from '../time/clock.js';

/** What is read from files that something else writes, such as cert-manager. */
export interface RereadFiles<Content> {
  /** What is in force: what was read last, and could be used. The same object until it changes. */
  current(): Content;
  /** Told whenever {@link RereadFiles.current} changes. */
  readonly changes: Changes;
  /** Reads again at once; what is in force stays when that fails, and it throws. */
  reload(): Promise<void>;
  close(): void;
}

/** What is read again, and how. */
export interface RereadOptions<Content> {
  readonly files: readonly string[];
  /** Reads the files; throws when they cannot be used. */
  readonly read: () => Content | Promise<Content>;
  /** What was read at the start. */
  readonly first: Content;
  readonly clock: Clock;
  readonly log: Log;
}

const debounceMs = 250;
// Where the kernel has no watch left to give, this is how late a change is noticed.
const lookAgainMs = 10_000;

/**
 * Files that are read again when they change. Their directories are watched, not they themselves: the kubelet swaps a link
 * beside them. What cannot be used is logged, once, until something can.
 */
export function rereadFiles<Content>(options: RereadOptions<Content>): RereadFiles<Content> {
  return new WatchedFiles(options);
}

class WatchedFiles<Content> implements RereadFiles<Content> {
  readonly changes = createChanges();
  readonly #options: RereadOptions<Content>;
  readonly #watchers: readonly FSWatcher[];
  #content: Content;
  #timer: Timer | undefined;
  /** What changes while the files are read is looked at once that is over. */
  #reading: 'no' | 'reading' | 'changed meanwhile' = 'no';
  #isClosed = false;
  #hasComplained = false;

  constructor(options: RereadOptions<Content>) {
    this.#options = options;
    this.#content = options.first;
    this.#watchers = watchDirectories(options.files, options.log, () => this.#onEvent());
    this.#lookIn(lookAgainMs);
  }

  current(): Content {
    return this.#content;
  }

  async reload(): Promise<void> {
    const next = await this.#options.read();
    this.#hasComplained = false;
    if (isDeepStrictEqual(next, this.#content) || this.#isClosed) return;
    this.#content = next;
    this.changes.notify();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.stop();
    for (const watcher of this.#watchers) watcher.close();
  }

  #onEvent(): void {
    if (this.#reading === 'no') this.#lookIn(debounceMs);
    else this.#reading = 'changed meanwhile';
  }

  #lookIn(delayMs: number): void {
    this.#timer?.stop();
    if (this.#isClosed) return;
    this.#timer = this.#options.clock.after(delayMs, () => void this.#look());
  }

  async #look(): Promise<void> {
    const { log, files } = this.#options;
    this.#reading = 'reading';
    try {
      await this.reload();
    } catch (err) {
      if (!this.#hasComplained) log.error({ err, files }, 'The files cannot be taken up, what is in force stays');
      this.#hasComplained = true;
    }
    const hasChanged = this.#hasChangedMeanwhile();
    this.#reading = 'no';
    this.#lookIn(hasChanged ? debounceMs : lookAgainMs);
  }

  #hasChangedMeanwhile(): boolean {
    return this.#reading === 'changed meanwhile';
  }
}

function watchDirectories(files: readonly string[], log: Log, onEvent: () => void): readonly FSWatcher[] {
  const directories = new Set(files.map((file) => dirname(file)));
  return [...directories].flatMap((directory) => {
    try {
      const watcher = watch(directory, { persistent: false }, onEvent);
      watcher.on('error', () => watcher.close());
      return [watcher];
    } catch (error) {
      log.warn({ err: error, directory }, `Cannot be watched: changes are noticed within ${lookAgainMs / 1000} s`);
      return [];
    }
  });
}
