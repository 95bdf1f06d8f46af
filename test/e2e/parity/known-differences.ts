/** A difference between the dev cluster (a) and a real one (b) that is intended. */
export interface KnownDifference {
  readonly id: string;
  /** Why it stays. */
  readonly reason: string;
  /** Commands it concerns; all when left out. */
  readonly command?: RegExp;
  /** Taken out of both answers before they are compared; the whole answers when left out. */
  readonly text?: RegExp;
}

/** Every difference that stays, with its reason. */
export const knownDifferences: readonly KnownDifference[] = [];

/** Both answers without what is known to differ, and which of the known differences took something away. */
export function withoutKnown(command: string, a: string, b: string): { a: string; b: string; used: string[] } {
  const used: string[] = [];
  let [left, right] = [a, b];
  for (const known of knownDifferences) {
    if (left === right || known.command?.test(command) === false) continue;
    const [newLeft, newRight] = [left, right].map((text) => (known.text ? text.replaceAll(known.text, '') : ''));
    if (newLeft !== left || newRight !== right) used.push(known.id);
    [left, right] = [newLeft ?? '', newRight ?? ''];
  }
  return { a: left, b: right, used };
}
