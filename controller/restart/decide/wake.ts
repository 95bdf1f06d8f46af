/**
 * When to look again, at the soonest of these waits in milliseconds that is still ahead; empty when none is. What is due by now is seen to by
 * this look: one that followed at once would find it so again, for as long as something else keeps it waiting.
 */
export function wakeIn(...waitsMs: readonly (number | undefined)[]): { readonly wakeMs?: number } {
  const ahead = waitsMs.filter((ms) => ms !== undefined && ms > 0) as readonly number[];
  return ahead.length === 0 ? {} : { wakeMs: Math.min(...ahead) };
}
