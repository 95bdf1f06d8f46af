import type { Clock } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';

import { events, type KubeApi } from './api.js';
import { microTime } from './micro-time.js';
import type { KubeEvent, ObjectReference } from './objects.js';

/** What an event says. */
export interface EventContent {
  readonly type: 'Normal' | 'Warning';
  /** Why, in one word. */
  readonly reason: string;
  /** What the controller does, in one word. */
  readonly action: string;
  readonly text: string;
}

/** Writes events in the background: one that cannot be written is dropped with a word in the log. */
export interface EventRecorder {
  record(regarding: ObjectReference, content: EventContent, related?: ObjectReference): void;
  /** Resolves when everything recorded so far is written or dropped. */
  flush(): Promise<void>;
}

/** What a recorder is made of. */
export interface EventRecorderDeps {
  readonly api: KubeApi;
  /** Name of this process among those that report. */
  readonly instance: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

interface Known {
  readonly name: string;
  readonly namespace: string;
  count: number;
  seenMs: number;
}

const reportingController = 'panelet.dev/controller';
/** The same event within this time is counted in a series instead of written anew. */
const seriesMs = 6 * 60_000;
/** Events that wait to be written; more than this are dropped. */
const maxWaiting = 1_000;
const maxKnown = 1_000;
/** Longest note that API servers take, in bytes. */
const maxNoteBytes = 1_024;

function shortened(text: string): string {
  if (Buffer.byteLength(text) <= maxNoteBytes) return text;
  const end = '…';
  const kept = Buffer.from(text).subarray(0, maxNoteBytes - Buffer.byteLength(end));
  return `${kept.toString('utf8').replace(/\uFFFD+$/, '')}${end}`;
}

/** A recorder for events.k8s.io/v1. */
export function createEventRecorder({ api, instance, clock, random, log }: EventRecorderDeps): EventRecorder {
  const known = new Map<string, Known>();
  let tail = Promise.resolve();
  let waiting = 0;
  let sequence = 0;

  /** kubectl shows events of this API in the order of their names, so the names are in the order of time. */
  const nextSuffix = (): string => {
    const ms = clock.date().getTime().toString(16).padStart(12, '0');
    sequence = (sequence + 1) % 0x10000;
    return `${ms}${sequence.toString(16).padStart(4, '0')}${random.bytes(2).toString('hex')}`;
  };

  const write = async (regarding: ObjectReference, content: EventContent, related?: ObjectReference): Promise<void> => {
    const key = JSON.stringify([regarding.uid, related?.uid, content]);
    const nowMs = clock.nowMs();
    const now = microTime(clock.date());
    const before = known.get(key);
    if (before !== undefined && nowMs - before.seenMs < seriesMs) {
      before.count += 1;
      before.seenMs = nowMs;
      const series = { count: before.count, lastObservedTime: now };
      await api.patch(events, { namespace: before.namespace, name: before.name }, { series });
      return;
    }
    const namespace = regarding.namespace ?? 'default';
    const name = `${regarding.name.slice(0, 200)}.${nextSuffix()}`;
    const event: KubeEvent = {
      metadata: { namespace, name },
      eventTime: now,
      reportingController,
      reportingInstance: instance.slice(0, 128),
      action: content.action,
      reason: content.reason,
      regarding,
      ...(related === undefined ? {} : { related }),
      note: shortened(content.text),
      type: content.type,
    };
    await api.create(events, event);
    known.delete(key);
    known.set(key, { name, namespace, count: 1, seenMs: nowMs });
    const oldest = known.keys().next();
    if (known.size > maxKnown && oldest.done !== true) known.delete(oldest.value);
  };

  return {
    record: (regarding, content, related) => {
      if (waiting >= maxWaiting) {
        log.warn({ reason: content.reason }, 'event dropped, too many wait');
        return;
      }
      waiting += 1;
      tail = tail
        .then(() => write(regarding, content, related))
        .catch((error: unknown) => log.warn({ err: error, reason: content.reason }, 'event not written'))
        .finally(() => {
          waiting -= 1;
        });
    },
    flush: () => tail,
  };
}
