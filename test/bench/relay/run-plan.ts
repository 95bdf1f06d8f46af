import type { Clock } from '#common/time/clock.js';
import type { PeerKind } from './peers.js';
import { delayMs, type Plan } from './plan.js';
import { comparisonLines, reportLines } from './report.js';
import { withScene } from './scene.js';
import { measureSeries, type MeasuredLine, type Series } from './series.js';

/** Who is measured, and how often. */
export interface RunOptions {
  readonly clock: Clock;
  /** This program. */
  readonly self: string;
  readonly kinds: readonly PeerKind[];
  readonly rounds: number;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

function giveUp(message: string): never {
  throw new Error(message);
}

interface Named {
  readonly name: string;
}

/**
 * Measures every row and prints the tables of each scene as it is done; resolves with false when a measurement failed.
 * @throws Error when a peer does not start, or relays nothing at all.
 */
export async function runPlan(plan: Plan, options: RunOptions): Promise<boolean> {
  const { clock, self, kinds, rounds, signal, say } = options;
  const names = kinds.map(({ name }) => name);
  const all: MeasuredLine[] = [];
  let clean = true;
  const onFailure = (message: string): void => {
    clean = false;
    say(`! ${message}`);
  };
  const measure = async <T extends Named>(list: readonly Series<T>[], subjects: readonly T[]): Promise<void> => {
    const measured: MeasuredLine[] = [];
    for (const series of list) measured.push(...(await measureSeries(series, subjects, { clock, rounds, onFailure })));
    for (const line of reportLines(names, measured)) say(line);
    all.push(...measured);
  };
  const measureIn = async <T extends Named>(list: readonly Series<T>[], subjects: readonly T[]): Promise<void> => {
    // Once unmeasured, so that every program has compiled what it needs. Who cannot do that can do nothing.
    const warm = { clock, rounds: 1, onFailure: giveUp };
    for (const series of list.slice(0, 1)) await measureSeries(series, subjects, warm);
    await measure(list, subjects);
  };
  const scene = { clock, self, kinds, signal };
  const { plain, secure, idle } = plan;
  if (plain.length > 0) await withScene({ ...scene, delayMs }, ({ peers }) => measureIn(plain, peers));
  if (secure.length > 0) await withScene({ ...scene, tls: true }, ({ peers }) => measureIn(secure, peers));
  await measure(idle, kinds);
  for (const line of comparisonLines(names, all)) say(line);
  return clean;
}
