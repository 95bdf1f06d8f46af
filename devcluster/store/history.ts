import type { AnyObject } from './kube-object.js';
import type { StoreEvent } from './object-store.js';
import { expired } from './refusals.js';

/** One change, with the resource it belongs to. */
export interface RecordedChange extends StoreEvent<AnyObject> {
  readonly resource: string;
  readonly version: number;
}

/** The latest changes, for watches that begin in the past. */
export interface History {
  add(change: RecordedChange): void;
  /**
   * Changes after a version, oldest first.
   * @throws StatusError Expired when some of them are no longer kept.
   */
  since(version: number): readonly RecordedChange[];
}

/** Keeps at least `capacity` changes; `startVersion` is the version before the first one. */
export function createHistory(capacity: number, startVersion: number): History {
  let changes: RecordedChange[] = [];
  let oldestVersion = startVersion;
  return {
    add: (change) => {
      changes.push(change);
      if (changes.length < capacity * 2) return;
      oldestVersion = changes[capacity - 1]?.version ?? oldestVersion;
      changes = changes.slice(capacity);
    },
    since: (version) => {
      if (version < oldestVersion) throw expired(`too old resource version: ${version} (${oldestVersion})`);
      const from = changes.findIndex((change) => change.version > version);
      return from < 0 ? [] : changes.slice(from);
    },
  };
}
