import { hexOf } from '#common/hex.js';
import { type Clock, timestamp } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import { createEventCorrelator, rememberLatest, type EventNote } from './event-correlator.js';
import type { StoredObject } from './kube-object.js';
import type { ObjectStore } from './object-store.js';

/** Writes events; never throws, and nobody waits for it. */
export interface ClusterEventRecorder {
  record(about: StoredObject, note: EventNote): void;
}

interface EventObject extends StoredObject {
  count: number;
  message: string;
  lastTimestamp: string;
}

/** What a recorder needs. */
export interface ClusterEventRecorderDeps {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Name of the part that reports, for example `daemonset-controller`. */
  readonly component: string;
  readonly host?: string;
}

/** Recorder for one component. */
export function createEventRecorder(deps: ClusterEventRecorderDeps): ClusterEventRecorder {
  const names = new Map<string, string>();
  const correlate = createEventCorrelator(deps.clock);

  const create = async (about: StoredObject, note: EventNote): Promise<string> => {
    const now = timestamp(deps.clock.date());
    const namespace = about.metadata.namespace ?? 'default';
    const name = `${about.metadata.name}.${hexOf(deps.random.bytes(8))}`;
    const { kind, apiVersion } = about;
    const { uid, resourceVersion } = about.metadata;
    await deps.store.create('events', {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace },
      involvedObject: { kind, apiVersion, name: about.metadata.name, namespace, uid, resourceVersion },
      ...note,
      source: { component: deps.component, ...(deps.host === undefined ? {} : { host: deps.host }) },
      reportingComponent: deps.component,
      reportingInstance: deps.host ?? '',
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
    } as StoredObject);
    return name;
  };

  const repeat = async (namespace: string, name: string, message: string): Promise<void> => {
    await deps.store.mutate<EventObject>('events', { ns: namespace, name }, (event) => {
      event.count += 1;
      event.message = message;
      event.lastTimestamp = timestamp(deps.clock.date());
    });
  };

  const write = async (about: StoredObject, note: EventNote): Promise<void> => {
    const { identity, message } = correlate(about, note);
    const known = names.get(identity);
    const namespace = about.metadata.namespace ?? 'default';
    if (known !== undefined && deps.store.get('events', namespace, known) !== undefined) {
      await repeat(namespace, known, message);
      return;
    }
    rememberLatest(names, identity, await create(about, { ...note, message }));
  };

  return {
    record: (about, note) => {
      write(about, note).catch((err: unknown) => {
        deps.log.warn({ err, reason: note.reason }, 'Event not written');
      });
    },
  };
}
