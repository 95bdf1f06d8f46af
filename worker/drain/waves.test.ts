import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { DrainFacts, Wave } from './state.js';
import { firstWave, nextWave, waveDueMs } from './waves.js';

const stepMs = 10;
const facts = (of: Partial<DrainFacts>): DrainFacts => ({
  ...{ sessions: 3, busy: 0, free: 0, restless: 0, rested: 0, giving: 0, unflushed: 0, unsealed: 3, attached: 0 },
  ...of,
});

/** Waves over two sessions that come to rest at once, and others that do not: they are in the middle of something. */
class Waves {
  wave: Wave | undefined = firstWave(0);
  nowMs = 0;
  readonly effects: string[] = [];
  /** How long the two were frozen, all in all and at a time. */
  frozenMs = 0;
  longestMs = 0;
  #sinceMs: number | undefined;

  /** Looks until nothing changes. */
  look(stuck: (wave: Wave) => number): void {
    for (let before: Wave | undefined; this.wave !== undefined && this.wave !== before;) {
      before = this.wave;
      const seen = facts({
        restless: stuck(this.wave),
        ...(this.#sinceMs === undefined ? { free: 2 } : { rested: 2 }),
      });
      const { wave, effects } = nextWave(this.wave, seen, { nowMs: this.nowMs, lastMs: Infinity });
      this.wave = wave;
      for (const effect of effects) this.#run(effect.kind === 'freeze' ? effect.who : effect.kind);
    }
  }

  pass(ms: number, stuck: (wave: Wave) => number): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs && this.wave !== undefined;) {
      this.nowMs += stepMs;
      if (this.#sinceMs !== undefined) {
        this.frozenMs += stepMs;
        this.longestMs = Math.max(this.longestMs, this.nowMs - this.#sinceMs);
      }
      this.look(stuck);
    }
  }

  #run(effect: string): void {
    this.effects.push(effect);
    if (effect === 'all') this.#sinceMs ??= this.nowMs;
    if (effect === 'ease') this.#sinceMs = undefined;
  }
}

describe('waves', () => {
  test('ask everybody at once where nobody is in the way, and are over when all are at rest', () => {
    const waves = new Waves();
    waves.look(() => 0);
    expect(waves.effects).toEqual(['all']);
    expect(waves.wave).toBeUndefined();
  });

  test('ask nobody else while one does not come to rest, however long, and everybody as soon as it does', () => {
    const waves = new Waves();
    waves.pass(30_000, () => 1);
    expect(waves.effects).toEqual(['ease']);
    expect(waves.frozenMs).toBe(0);
    waves.look(() => 0);
    expect(waves.effects).toEqual(['ease', 'moving', 'all']);
    expect(waves.wave).toBeUndefined();
  });

  test('let those at rest go on after a quarter of a second for one that is stuck when all are asked', () => {
    const closing: Wave = { kind: 'closing', sinceMs: 0, failed: 0 };
    const frozen = facts({ restless: 1, rested: 2 });
    expect(nextWave(closing, frozen, { nowMs: 249, lastMs: Infinity }).wave).toBe(closing);
    expect(nextWave(closing, frozen, { nowMs: 250, lastMs: Infinity })).toEqual({
      wave: { kind: 'pausing', untilMs: 750, failed: 1 },
      effects: [{ kind: 'ease' }],
    });
  });

  test('have one wave more before the policy applies, however long the pause would be', () => {
    const closing: Wave = { kind: 'closing', sinceMs: 50_000, failed: 4 };
    const frozen = facts({ restless: 1, rested: 2 });
    const pausing = (nowMs: number): Wave | undefined => nextWave(closing, frozen, { nowMs, lastMs: 58_000 }).wave;
    expect(pausing(51_000)).toMatchObject({ kind: 'pausing', untilMs: 57_000 });
    expect(pausing(57_500)).toMatchObject({ kind: 'pausing', untilMs: 58_000 });
  });

  test('do not keep one that has come to rest for another one that has not', () => {
    const pausing: Wave = { kind: 'pausing', untilMs: undefined, failed: 0 };
    const { wave, effects } = nextWave(pausing, facts({ restless: 1, rested: 1 }), { nowMs: 5, lastMs: Infinity });
    expect(wave).toBe(pausing);
    expect(effects).toEqual([{ kind: 'ease' }]);
  });

  test('wait for a session that cannot be asked yet', () => {
    const closing: Wave = { kind: 'closing', sinceMs: 0, failed: 0 };
    const { wave } = nextWave(closing, facts({ free: 1, rested: 2 }), { nowMs: 5, lastMs: Infinity });
    expect(wave).toBe(closing);
  });

  // Somebody else begins to hold each time that all are asked, for as long as all are asked.
  test('take a twentieth of the time in the long run, a second at a time, and half of one in the first two', () => {
    const waves = new Waves();
    const worst = (wave: Wave): number => (wave.kind === 'closing' ? 1 : 0);
    waves.pass(1_500, worst);
    expect(waves.frozenMs).toBeLessThanOrEqual(500);
    expect(waves.longestMs).toBeLessThanOrEqual(250);
    waves.pass(600_000, worst);
    expect(waves.longestMs).toBeLessThanOrEqual(1_000);
    expect(waves.frozenMs).toBeLessThanOrEqual(1_500 + waves.nowMs / 20);
    expect(waves.effects.filter((effect) => effect === 'all').length).toBeGreaterThan(20);
  });

  test('are woken by their own timer, whatever sessions do', () => {
    const seen = fc.record({ free: fc.nat(2), restless: fc.nat(2), rested: fc.nat(2) });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2_000), seen), { maxLength: 40 }), (walk) => {
        let wave: Wave | undefined = firstWave(0);
        let nowMs = 0;
        for (const [waitMs, of] of walk) {
          nowMs += waitMs;
          for (let before: Wave | undefined; wave !== undefined && wave !== before;) {
            before = wave;
            wave = nextWave(wave, facts(of), { nowMs, lastMs: Infinity }).wave;
          }
          if (wave === undefined) return;
          const dueMs = waveDueMs(wave);
          if (dueMs !== undefined) expect(dueMs).toBeGreaterThan(nowMs);
          const untilMs = dueMs === undefined ? nowMs + 1_000_000 : dueMs - 1;
          expect(nextWave(wave, facts(of), { nowMs: untilMs, lastMs: Infinity }).wave).toBe(wave);
        }
      }),
    );
  });
});
