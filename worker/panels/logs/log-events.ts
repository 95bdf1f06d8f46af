/** Something that the client of a logs session is told, in order with the bytes. */
export interface TrailReport {
  readonly name: 'appeared' | 'gap' | 'late' | 'missing' | 'rotated' | 'truncated' | 'unsure';
  readonly content: Readonly<Record<string, unknown>>;
}

/** Bytes that are not shown, though they may belong to the log. */
export interface Gap {
  /** Name of the file in which they were, or before which they are missing. */
  readonly file: string;
  /** From here on in that file. */
  readonly offset?: number;
  /** How many; "unknown" when there may be none. */
  readonly bytes: number | 'unknown';
  /** At least so many. */
  readonly atLeast?: number;
  /** Why, for people: "is gone". */
  readonly reason: string;
}

/** The event of a gap. */
export function gapReport(gap: Gap): TrailReport {
  return { name: 'gap', content: { ...gap } };
}
