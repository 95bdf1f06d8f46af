/** A protobuf Duration, as generated code shapes it. */
export interface ProtoDuration {
  seconds: number;
  nanos: number;
}

/** Milliseconds of a protobuf Duration, or `fallbackMs` when it is not set. */
export function durationToMs(duration: ProtoDuration | undefined, fallbackMs: number): number {
  return duration === undefined ? fallbackMs : partsToMs(duration);
}

/** Protobuf Duration of a number of milliseconds; negative values become zero. */
export function msToDuration(ms: number): ProtoDuration {
  return msToParts(Math.max(0, ms));
}

/** Milliseconds of seconds and nanoseconds, as protobuf's Duration and Timestamp have them. */
export function partsToMs({ seconds, nanos }: ProtoDuration): number {
  return seconds * 1000 + nanos / 1e6;
}

/** Whole seconds, rounded down, and nanoseconds. */
export function msToParts(ms: number): ProtoDuration {
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: Math.round((ms - seconds * 1000) * 1e6) % 1e9 };
}
