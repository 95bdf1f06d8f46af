/**
 * Calls `use` for every item, at most `limit` at a time. @returns the results in the order of the items.
 * @throws what a call throws first; calls that have begun go on, no other begins.
 */
export async function mapBounded<Item, Result>(
  items: readonly Item[],
  limit: number,
  use: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  const queue = items.entries();
  let stopped = false;
  const work = async (): Promise<void> => {
    for (const [index, item] of queue) {
      if (stopped) return;
      results[index] = await use(item);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(limit, items.length) }, work));
  } finally {
    stopped = true;
  }
  return results;
}
