/**
 * Highest number of a leader. Kubernetes counts leaders in an int32; half of that leaves room to tell a number that somebody made up from one
 * that was reached, and a change of leader every second takes 34 years to get there.
 */
export const maxFencing = 2 ** 30;
/** Highest number of an attempt. */
export const maxGeneration = 2 ** 31 - 1;

/** What a gate command is fenced with. */
export interface FencingNumbers {
  readonly fencing: number;
  readonly generation: number;
}

/** Why these are no numbers that a leader can have, as a sentence; undefined when they are. 0 is before the first leader. */
export function fencingFault({ fencing, generation }: FencingNumbers): string | undefined {
  if (!isWithin(fencing, maxFencing)) return `The fencing number ${fencing} is not one of 0 to ${maxFencing}.`;
  if (!isWithin(generation, maxGeneration)) return `The generation ${generation} is not one of 0 to ${maxGeneration}.`;
  return undefined;
}

function isWithin(value: number, highest: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= highest;
}
