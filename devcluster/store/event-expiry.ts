import type { Clock } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import { textAt } from './json-copy.js';
import type { AnyObject } from './kube-object.js';
import type { ObjectStore } from './object-store.js';
import { isStatusError } from './status-error.js';

/** What the event expiry needs. */
export interface EventExpiryDeps {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly log: Log;
}

// The real server keeps events for an hour.
const keepMs = 3600 * 1000;
const lookEveryMs = 5 * 60 * 1000;

function seenAt(event: AnyObject): number {
  const texts = [
    textAt(event, 'series', 'lastObservedTime'),
    textAt(event, 'lastTimestamp'),
    textAt(event, 'eventTime'),
    event.metadata.creationTimestamp ?? '',
  ];
  return Date.parse(texts.find((text) => text !== '') ?? '');
}

/**
 * Deletes events that are older than an hour, now and then.
 * @returns a function that ends it.
 */
export function startEventExpiry({ store, clock, log }: EventExpiryDeps): () => void {
  const look = (): void => {
    const oldestMs = clock.date().getTime() - keepMs;
    for (const event of store.list<AnyObject>('events').items) {
      if (seenAt(event) >= oldestMs) continue;
      store.delete('events', event.metadata.namespace, event.metadata.name).catch((error: unknown) => {
        if (!isStatusError(error, 'NotFound')) log.error({ err: error }, 'Deleting an old event failed');
      });
    }
    timer = clock.after(lookEveryMs, look);
  };
  let timer = clock.after(0, look);
  return () => timer.stop();
}
