/** A protobuf Duration, as generated code shapes it. */
export interface ProtoDuration {
  seconds: number;
  nanos: number;
}

/** Milliseconds of a protobuf Duration, or `fallbackMs` when it is not set. */
export function durationToMs(duration: ProtoDuration | undefined, fallbackMs: number): number {
  return duration === undefined ? fallbackMs : duration.seconds * 1000 + duration.nanos / 1e6;
}

/** Protobuf Duration of a number of milliseconds; negative values become zero. */
export function msToDuration(ms: number): ProtoDuration {
  const clamped = Math.max(0, ms);
  const seconds = Math.floor(clamped / 1000);
  return { seconds, nanos: Math.round((clamped - seconds * 1000) * 1e6) % 1e9 };
}
