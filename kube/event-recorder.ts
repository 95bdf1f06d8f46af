import { hexOf } from '#common/hex.js';
import type { Clock } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';

import { events, type KubeApi } from './api.js';
import { microTime } from '#common/time/micro-time.js';
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

/** A recorder for events.k8s.io/v1. */
export function createEventRecorder(deps: EventRecorderDeps): EventRecorder {
  return new KubeEventRecorder(deps);
}

class KubeEventRecorder implements EventRecorder {
  readonly #deps: EventRecorderDeps;
  /** Events written of late, by what they say; the one used longest ago first. */
  readonly #known = new Map<string, Known>();
  #tail = Promise.resolve();
  #waiting = 0;
  #sequence = 0;

  constructor(deps: EventRecorderDeps) {
    this.#deps = deps;
  }

  record(regarding: ObjectReference, content: EventContent, related?: ObjectReference): void {
    const { log } = this.#deps;
    if (this.#waiting >= maxWaiting) {
      log.warn({ reason: content.reason }, 'Event dropped, too many wait');
      return;
    }
    this.#waiting += 1;
    this.#tail = this.#tail
      .then(() => this.#write(regarding, content, related))
      .catch((error: unknown) => log.warn({ err: error, reason: content.reason }, 'Event not written'))
      .finally(() => {
        this.#waiting -= 1;
      });
  }

  flush(): Promise<void> {
    return this.#tail;
  }

  async #write(regarding: ObjectReference, content: EventContent, related?: ObjectReference): Promise<void> {
    const key = JSON.stringify([regarding.uid, related?.uid, content]);
    const nowMs = this.#deps.clock.nowMs();
    const before = this.#known.get(key);
    if (before !== undefined && nowMs - before.seenMs < seriesMs) {
      before.count += 1;
      before.seenMs = nowMs;
      await this.#writeSeries(before);
      return;
    }
    const { namespace, name } = await this.#writeNew(regarding, content, related);
    this.#remember(key, { name, namespace, count: 1, seenMs: nowMs });
  }

  async #writeSeries({ namespace, name, count }: Known): Promise<void> {
    const { api, clock } = this.#deps;
    const series = { count, lastObservedTime: microTime(clock.date()) };
    await api.patch(events, { namespace, name }, { series });
  }

  async #writeNew(
    regarding: ObjectReference,
    content: EventContent,
    related: ObjectReference | undefined,
  ): Promise<{ readonly namespace: string; readonly name: string }> {
    const { api, instance, clock } = this.#deps;
    const eventTime = microTime(clock.date());
    const namespace = regarding.namespace ?? 'default';
    const name = `${regarding.name.slice(0, 200)}.${this.#nextSuffix()}`;
    const event: KubeEvent = {
      metadata: { namespace, name },
      eventTime,
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
    return { namespace, name };
  }

  /** kubectl shows events of this API in the order of their names, so the names are in the order of time. */
  #nextSuffix(): string {
    const { clock, random } = this.#deps;
    const ms = clock.date().getTime().toString(16).padStart(12, '0');
    this.#sequence = (this.#sequence + 1) % 0x10000;
    return `${ms}${this.#sequence.toString(16).padStart(4, '0')}${hexOf(random.bytes(2))}`;
  }

  #remember(key: string, event: Known): void {
    this.#known.delete(key);
    this.#known.set(key, event);
    const oldest = this.#known.keys().next();
    if (this.#known.size > maxKnown && oldest.done !== true) this.#known.delete(oldest.value);
  }
}

function shortened(text: string): string {
  if (Buffer.byteLength(text) <= maxNoteBytes) return text;
  const end = '…';
  const kept = Buffer.from(text).subarray(0, maxNoteBytes - Buffer.byteLength(end));
  return `${kept.toString('utf8').replace(/\uFFFD+$/, '')}${end}`;
}
