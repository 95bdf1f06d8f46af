/** Resolves after one turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Lets what a fake clock or a fake has set off come to rest: as many turns of the event loop as any chain of promises needs. */
export async function settle(turns = 20): Promise<void> {
  for (let taken = 0; taken < turns; taken++) await turn();
}
