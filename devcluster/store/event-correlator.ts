import type { Clock } from '#common/time/clock.js';
import type { StoredObject } from './kube-object.js';

/** One thing that happened to an object, as `kubectl describe` shows it. */
export interface EventNote {
  readonly type: 'Normal' | 'Warning';
  /** One word, for example `SuccessfulCreate`. */
  readonly reason: string;
  readonly message: string;
}

/** How an event is stored. */
export interface Correlated {
  /** The same for an event that is counted in an earlier one. */
  readonly identity: string;
  readonly message: string;
}

interface Similar {
  readonly messages: Set<string>;
  readonly latestMs: number;
}

// Numbers are those of client-go's correlator. From so many different messages for the same reason on they are told as one event,
// unless it is quiet for as long.
const similarEvents = 10;
const similarMs = 600_000;
const remembered = 256;

/** Keeps the latest entries only. */
export function rememberLatest<T>(entries: Map<string, T>, key: string, value: T): void {
  entries.set(key, value);
  const [oldest] = entries.keys();
  if (entries.size > remembered && oldest !== undefined) entries.delete(oldest);
}

/** Says which events are told as one: the same one again, and many different ones for the same reason. */
export function createEventCorrelator(clock: Clock): (about: StoredObject, note: EventNote) => Correlated {
  const similar = new Map<string, Similar>();
  return (about, note) => {
    const key = [about.metadata.uid, note.type, note.reason].join('\n');
    const nowMs = clock.date().getTime();
    const known = similar.get(key);
    const messages = known === undefined || nowMs - known.latestMs > similarMs ? new Set<string>() : known.messages;
    if (messages.size < similarEvents) messages.add(note.message);
    rememberLatest(similar, key, { messages, latestMs: nowMs });
    if (messages.size < similarEvents) return { identity: `${key}\n${note.message}`, message: note.message };
    return { identity: key, message: `(combined from similar events): ${note.message}` };
  };
}
