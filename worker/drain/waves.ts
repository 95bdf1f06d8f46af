import { unreachable } from '#common/errors/errors.js';
import type { DrainEffect, DrainFacts, Wave } from './state.js';

/** How long sessions are kept frozen for one that does not come to rest, in milliseconds; longer after waves that failed. */
const restMs = 250;
const longestRestMs = 1_000;
// Together they bound what a drain takes from sessions that nothing is wrong with: a twentieth of the time in the long run.
const firstPauseMs = 500;
const pauseGrowth = 4;
const longestPauseMs = 20_000;

/** What became of a wave at a look. */
export interface WaveStep {
  /** Undefined when every session is at rest. The same object when nothing has changed. */
  readonly wave: Wave | undefined;
  readonly effects: readonly DrainEffect[];
}

/** What a wave goes by, in milliseconds of the clock. */
export interface WaveTimes {
  readonly nowMs: number;
  /** When the policy applies. */
  readonly lastMs: number;
}

/** The first wave of a drain. */
export function firstWave(nowMs: number): Wave {
  return { kind: 'clearing', sinceMs: nowMs, failed: 0 };
}

/**
 * The next step of bringing all sessions to rest while as few as possible wait for each other; pure. A pause that would
 * last until the policy applies ends in time for one wave more.
 */
export function nextWave(wave: Wave, facts: DrainFacts, times: WaveTimes): WaveStep {
  const { nowMs } = times;
  const { failed } = wave;
  const isClear = facts.restless === 0;
  switch (wave.kind) {
    case 'clearing':
      if (isClear)
        return { wave: { kind: 'closing', sinceMs: nowMs, failed }, effects: [{ kind: 'freeze', who: 'all' }] };
      return nowMs < wave.sinceMs + restLimitMs(failed) ? unchanged(wave) : pause(wave, facts, times);
    case 'closing':
      if (isClear && facts.free === 0) return { wave: undefined, effects: [] };
      return nowMs < wave.sinceMs + restLimitMs(failed) ? unchanged(wave) : pause(wave, facts, times);
    case 'pausing':
      if (wave.untilMs !== undefined && nowMs >= wave.untilMs) {
        return { wave: { ...wave, untilMs: undefined }, effects: [] };
      }
      // Whoever has come to rest does not wait for those who have not.
      if (!isClear) return facts.rested === 0 ? unchanged(wave) : { wave, effects: [{ kind: 'ease' }] };
      if (wave.untilMs !== undefined) return unchanged(wave);
      return { wave: { kind: 'clearing', sinceMs: nowMs, failed }, effects: [{ kind: 'freeze', who: 'moving' }] };
    default:
      return unreachable(wave);
  }
}

/** When time alone changes the wave next, in milliseconds of the clock; undefined for never. */
export function waveDueMs(wave: Wave): number | undefined {
  return wave.kind === 'pausing' ? wave.untilMs : wave.sinceMs + restLimitMs(wave.failed);
}

const unchanged = (wave: Wave): WaveStep => ({ wave, effects: [] });

function restLimitMs(failed: number): number {
  return Math.min(restMs * 2 ** Math.max(0, failed - 1), longestRestMs);
}

function pause({ failed }: Wave, facts: DrainFacts, times: WaveTimes): WaveStep {
  const { nowMs, lastMs } = times;
  // Where those who do not come to rest were alone, nobody has waited for them.
  if (facts.rested === 0) return { wave: { kind: 'pausing', untilMs: undefined, failed }, effects: [{ kind: 'ease' }] };
  const pauseMs = Math.min(firstPauseMs * pauseGrowth ** failed, longestPauseMs);
  const lastWaveMs = lastMs - restLimitMs(failed + 1);
  const untilMs = nowMs < lastWaveMs ? Math.min(nowMs + pauseMs, lastWaveMs) : lastMs;
  return { wave: { kind: 'pausing', untilMs, failed: failed + 1 }, effects: [{ kind: 'ease' }] };
}
