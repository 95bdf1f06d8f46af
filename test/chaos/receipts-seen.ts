import { sleep, type Clock } from '#common/time/clock.js';
import type { World } from '#test/e2e/support/world.js';

/** Notes when a watch first shows the receipt of a pod: evidence that does not depend on the audit log. */
export interface ReceiptWatch {
  /** Wall-clock milliseconds by uid of the pod. */
  readonly seen: ReadonlyMap<string, number>;
  stop(): Promise<void>;
}

const lookEveryMs = 50;

/** Begins at once; `also` is called at every look. */
export function watchReceipts(world: World, clock: Clock, also: () => void): ReceiptWatch {
  const seen = new Map<string, number>();
  const stopping = new AbortController();
  const look = (): void => {
    for (const { status } of world.watch.restarts()) {
      for (const { uid, receipt } of status?.active ?? []) {
        if (receipt !== undefined && !seen.has(uid)) seen.set(uid, clock.date().getTime());
      }
    }
    also();
  };
  const watch = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      look();
      await sleep(clock, lookEveryMs, stopping.signal).catch(() => undefined);
    }
  };
  const watching = watch();
  return {
    seen,
    stop: async () => {
      stopping.abort(new Error('enough'));
      await watching;
    },
  };
}
