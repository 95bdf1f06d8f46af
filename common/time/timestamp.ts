/** A protobuf Timestamp, as generated code shapes it. */
export interface ProtoTimestamp {
  seconds: number;
  nanos: number;
}

/** Milliseconds since 1970 of a protobuf Timestamp. */
export function timestampToMs({ seconds, nanos }: ProtoTimestamp): number {
  return seconds * 1000 + nanos / 1e6;
}

/** Protobuf Timestamp of milliseconds since 1970. */
export function msToTimestamp(ms: number): ProtoTimestamp {
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: Math.round((ms - seconds * 1000) * 1e6) };
}
