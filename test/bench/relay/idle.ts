import { sleep, type Clock } from '#common/time/clock.js';
import type { Figure } from './figure.js';
import { openStreams } from './load.js';
import type { Scene } from './scene.js';
import { usageOf } from './usage.js';

const sessionsPerConnection = 100;
// An agent gives a caller a bounded number of connections to the worker, and then lets its sessions share them.
const sessionsPerCaller = 1_600;
const warmSessions = 100;
const settleMs = 500;

/** How idle sessions are spread; the first caller is the one that warms up. */
export function idleLoad(sessions: number): { readonly connections: number; readonly callers: readonly number[] } {
  const callers = Math.ceil(sessions / sessionsPerCaller);
  return {
    connections: Math.ceil(sessions / sessionsPerConnection),
    callers: Array.from({ length: callers }, (_, index) => index + 1),
  };
}

/** KiB RSS that each of `sessions` idle sessions adds: to what is in between, to the worker, to both. */
export async function measureIdle(
  { peers, worker }: Scene,
  clock: Clock,
  sessions: number,
): Promise<readonly [between: Figure, worker: Figure, both: Figure]> {
  const [peer] = peers;
  if (peer === undefined) throw new Error('There is no peer.');
  await openStreams({ clock, peer }, warmSessions);
  await sleep(clock, settleMs);
  const rss = (): readonly [number, number] => [usageOf(peer.process).rssBytes, usageOf(worker).rssBytes];
  const before = rss();
  await openStreams({ clock, peer }, sessions, idleLoad(sessions));
  await sleep(clock, settleMs);
  const after = rss();
  const each = (index: 0 | 1): number => (after[index] - before[index]) / sessions / 1024;
  return [peer.process === undefined ? '–' : each(0), each(1), each(0) + each(1)];
}
