import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createCallTurns } from './call-turns.js';

/** Turns of an event loop that a test moves. */
function createLoop(): { afterTurn: (callback: () => void) => void; turn: () => void; readonly pending: number } {
  let callbacks: (() => void)[] = [];
  return {
    afterTurn: (callback) => callbacks.push(callback),
    turn: () => {
      const due = callbacks;
      callbacks = [];
      for (const callback of due) callback();
    },
    get pending() {
      return callbacks.length;
    },
  };
}

describe('turns of calls', () => {
  test('few are begun at once, many a few in each turn, connection by connection', () => {
    const loop = createLoop();
    const turns = createCallTurns(loop.afterTurn, 2);
    const begun: string[] = [];
    for (let call = 0; call < 6; call++) turns.add(1, () => begun.push(`a${call}`));
    turns.add(2, () => begun.push('b0'));
    expect(begun).toEqual(['a0', 'a1']);
    loop.turn();
    expect(begun.slice(2)).toEqual(['a2', 'b0']);
    loop.turn();
    expect(begun.slice(4)).toEqual(['a3', 'a4']);
    loop.turn();
    loop.turn();
    expect([begun.length, turns.waiting, loop.pending]).toEqual([7, 0, 0]);
  });

  test('each call is begun exactly once, in order on its connection, and never too many in a turn', () => {
    const steps = fc.array(fc.oneof(fc.nat(3), fc.constant('turn' as const)), { maxLength: 200 });
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 5 }), (all, perTurn) => {
        const loop = createLoop();
        const turns = createCallTurns(loop.afterTurn, perTurn);
        const begun = new Map<number, number[]>();
        const added = new Map<number, number>();
        let inTurn = 0;
        const turn = (): void => {
          inTurn = 0;
          loop.turn();
        };
        for (const step of all) {
          if (step === 'turn') {
            turn();
            continue;
          }
          const number = added.get(step) ?? 0;
          added.set(step, number + 1);
          turns.add(step, () => {
            begun.set(step, [...(begun.get(step) ?? []), number]);
            expect(++inTurn).toBeLessThanOrEqual(perTurn);
          });
        }
        while (turns.waiting > 0) turn();
        for (const [connection, count] of added) {
          expect(begun.get(connection)).toEqual(Array.from({ length: count }, (_, number) => number));
        }
      }),
    );
  });
});
