import type { AttackedAgent } from './attacked-agent.js';
import { within } from './honest-session.js';

/** How many came in, and who did not. */
export interface Arrivals {
  readonly in: number;
  readonly out: readonly string[];
  /** Longest time that one needed, in milliseconds. */
  readonly slowestMs: number;
}

// Long for a person, short against "for ever".
const limitMs = 10_000;
const fewest = 2;
const giveUpAfter = 2;

/** One newcomer: a connection of its own, a session, an echo, the end. @throws when it does not get that far in time. */
export async function comeIn(agent: AttackedAgent, timeMs = limitMs): Promise<void> {
  const client = agent.client(agent.freshToken());
  const visit = async (): Promise<true> => {
    const session = await client.open({ panel: 'echo', signal: AbortSignal.timeout(timeMs) });
    await session.write('hello');
    let bytes = 0;
    for await (const item of session) {
      if (item.kind === 'data') bytes += item.payload.length;
      if (bytes === 5) break;
    }
    if (bytes !== 5) throw new Error('The session ended before the echo.');
    await session.terminate();
    return true;
  };
  try {
    const done = await within(visit(), timeMs);
    if (done === undefined) throw new Error(`No echo within ${timeMs} ms.`);
  } finally {
    await within(client.close(), 1000);
  }
}

/** One after the other until it is over, and two at least; gives up when nobody gets in. */
export async function watchArrivals(isOver: () => boolean, visit: () => Promise<void>): Promise<Arrivals> {
  const out: string[] = [];
  let count = 0;
  let slowestMs = 0;
  while ((!isOver() || count < fewest) && out.length < giveUpAfter) {
    const sinceMs = performance.now();
    try {
      await visit();
      count++;
    } catch (error) {
      out.push((error as Error).message);
    }
    slowestMs = Math.max(slowestMs, performance.now() - sinceMs);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { in: count, out, slowestMs };
}
