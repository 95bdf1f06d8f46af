import { msToParts, partsToMs } from './duration.js';

/** A protobuf Timestamp, as generated code shapes it. */
export interface ProtoTimestamp {
  seconds: number;
  nanos: number;
}

/** Milliseconds since 1970 of a protobuf Timestamp. */
export function timestampToMs(timestamp: ProtoTimestamp): number {
  return partsToMs(timestamp);
}

/** Protobuf Timestamp of milliseconds since 1970. */
export function msToTimestamp(ms: number): ProtoTimestamp {
  return msToParts(ms);
}
