import type { Timestamp } from '#google/protobuf/timestamp.js';

/** Milliseconds since the epoch as protobuf has them. */
export function msToTimestamp(ms: number): Timestamp {
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: Math.round((ms - seconds * 1000) * 1e6) };
}

/** Milliseconds since the epoch; undefined when there is no time. */
export function timestampToMs(time: Timestamp | undefined): number | undefined {
  return time === undefined ? undefined : time.seconds * 1000 + time.nanos / 1e6;
}
