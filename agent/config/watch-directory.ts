import { watch, type FSWatcher } from 'node:fs';
import type { Clock, Timer } from '#common/time/clock.js';
import type { Log } from '#common/log.js';

// Whoever copies a file makes it first and fills it then.
const settleMs = 200;
const longestSettleMs = 2_000;

/**
 * Calls back once what happens in a directory has settled. Where it cannot be watched, that is logged, and nothing is called.
 * @returns a function that ends it
 */
export function watchDirectory(
  dir: string,
  onChange: () => void,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): () => void {
  let timer: Timer | undefined;
  let sinceMs: number | undefined;
  const fire = (): void => {
    sinceMs = undefined;
    onChange();
  };
  const changed = (): void => {
    sinceMs ??= clock.nowMs();
    timer?.stop();
    timer = clock.after(Math.max(0, Math.min(settleMs, sinceMs + longestSettleMs - clock.nowMs())), fire);
  };
  let watcher: FSWatcher | undefined;
  const failed = (err: unknown): void =>
    log.warn({ err, dir }, 'Cannot watch the directory; SIGHUP takes up what changes');
  try {
    watcher = watch(dir, { persistent: false }, changed);
    watcher.on('error', failed);
  } catch (error) {
    failed(error);
  }
  return () => {
    timer?.stop();
    watcher?.close();
  };
}
