import { expect } from '@jest/globals';
import type { PaneletSession } from '#client/sdk.js';
import type { Clock } from '#common/time/clock.js';
import { isFlawless, startEchoLoad, type EchoLoad, type EchoVerdict } from './echo-load.js';
import { waitFor } from './wait-for.js';

/** A session of `echo` that is written to and read all the time, in small pieces. */
export function keepBusy(session: PaneletSession, clock: Clock): EchoLoad {
  return startEchoLoad({ session, seed: 3, clock, longestPauseMs: 5, largestWriteBytes: 2_048 });
}

/** Resolves once bytes have come back since now. */
export function flows(load: EchoLoad): Promise<void> {
  const before = load.receivedBytes();
  return waitFor('bytes come back', () => load.receivedBytes() > before + 4_096, 30_000);
}

/** Ends a load, which has lost, doubled and reordered nothing. */
export async function flawless(load: EchoLoad): Promise<EchoVerdict> {
  const verdict = await load.finish(30_000);
  expect([isFlawless(verdict), verdict.errors]).toEqual([true, []]);
  return verdict;
}
