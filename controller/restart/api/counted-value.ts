/** A value of an annotation with its place among all values. */
export interface CountedValue {
  readonly counter: number;
  readonly value: string;
}

/** Reads `<counter>:<value>`; the value may itself have colons. Undefined when it is not of that form. */
export function parseCounted(text: string | undefined): CountedValue | undefined {
  const match = /^(\d{1,15}):(.*)$/s.exec(text ?? '');
  return match === null ? undefined : { counter: Number(match[1]), value: match[2] ?? '' };
}
