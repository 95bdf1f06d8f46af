import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createFakeClock } from '#common/time/clock.js';
import { type CloseAttempt, createOpGate, type Permit } from './op-gate.js';

const setup = () => {
  const clock = createFakeClock();
  return { clock, gate: createOpGate({ clock }) };
};
const outcomeOf = async (attempt: Promise<CloseAttempt>): Promise<CloseAttempt | 'waiting'> =>
  Promise.race([attempt, new Promise<'waiting'>((resolve) => setImmediate(() => resolve('waiting')))]);

describe('op gate', () => {
  test('closes at once when nobody holds', async () => {
    const { gate, clock } = setup();
    expect(await gate.close(1000)).toEqual({ kind: 'closed' });
    expect(gate.enter('read')).toBeUndefined();
    expect(clock.pending()).toBe(0);
  });

  test('names who holds it, since when and with how much', () => {
    const { gate, clock } = setup();
    clock.advance(5);
    gate.enter('pty.write', 42);
    clock.advance(5);
    gate.enter('log.read');
    expect(gate.holders).toEqual([
      { operation: 'pty.write', sinceMs: 5, bytes: 42 },
      { operation: 'log.read', sinceMs: 10, bytes: 0 },
    ]);
  });

  test('a try changes nothing while somebody holds', () => {
    const { gate } = setup();
    const permit = gate.enter('read');
    expect(gate.tryClose()).toEqual({ kind: 'locked', holders: gate.holders });
    expect(gate.closing).toBe(false);
    expect(gate.enter('write')).toBeDefined();
    permit?.release();
  });

  test('a close refuses new operations and waits for those inside', async () => {
    const { gate, clock } = setup();
    const permit = gate.enter('read');
    const closed = gate.close(1000);
    expect(gate.closing).toBe(true);
    expect(gate.enter('write')).toBeUndefined();
    expect(await outcomeOf(closed)).toBe('waiting');
    permit?.release();
    expect(await closed).toEqual({ kind: 'closed' });
    expect(clock.pending()).toBe(0);
  });

  test('a close that reaches its deadline reports the holders, closes nothing, and can be repeated', async () => {
    const { gate, clock } = setup();
    const permit = gate.enter('read', 7);
    const first = gate.close(1000);
    clock.advance(1000);
    expect(await first).toEqual({ kind: 'locked', holders: [{ operation: 'read', sinceMs: 0, bytes: 7 }] });
    expect(gate.enter('write')).toBeUndefined();
    const second = gate.close(1000);
    permit?.release();
    expect(await second).toEqual({ kind: 'closed' });
    expect(await gate.close(0)).toEqual({ kind: 'closed' });
  });

  test('closes that wait together end together', async () => {
    const { gate, clock } = setup();
    const permit = gate.enter('read');
    const both = Promise.all([gate.close(500), gate.close(1000)]);
    clock.advance(499);
    permit?.release();
    expect(await both).toEqual([{ kind: 'closed' }, { kind: 'closed' }]);
    expect(clock.pending()).toBe(0);
  });

  test('releasing twice gives nobody else away', () => {
    const { gate } = setup();
    const first = gate.enter('first');
    gate.enter('second');
    first?.release();
    first?.release();
    expect(gate.holders.map((hold) => hold.operation)).toEqual(['second']);
    expect(gate.tryClose().kind).toBe('locked');
  });

  const step = fc.oneof(
    { weight: 4, arbitrary: fc.constant({ kind: 'enter' as const }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('release' as const), which: fc.nat() }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'try' as const }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('close' as const), deadlineMs: fc.nat(50) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(30) }) },
  );

  test('is never closed under a hold, whatever happens in whatever order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { gate, clock } = setup();
        const inside: { permit: Permit; name: string }[] = [];
        const attempts: Promise<void>[] = [];
        const seen = { closed: false, closing: false };
        const judge = (attempt: CloseAttempt): void => {
          if (attempt.kind === 'closed') seen.closed = true;
          else expect(attempt.holders.length).toBeGreaterThan(0);
        };
        for (const [index, action] of steps.entries()) {
          if (action.kind === 'enter') {
            const permit = gate.enter(`op ${index}`);
            expect(permit !== undefined).toBe(!seen.closing && !seen.closed);
            if (permit) inside.push({ permit, name: `op ${index}` });
          }
          if (action.kind === 'release') inside.splice(action.which % (inside.length + 1), 1)[0]?.permit.release();
          if (action.kind === 'try') {
            const attempt = gate.tryClose();
            expect(attempt.kind).toBe(inside.length === 0 ? 'closed' : 'locked');
            judge(attempt);
          }
          if (action.kind === 'close') {
            seen.closing = true;
            attempts.push(gate.close(action.deadlineMs).then(judge));
          }
          if (action.kind === 'wait') clock.advance(action.ms);
          await new Promise((resolve) => setImmediate(resolve));
          expect(gate.holders.map((hold) => hold.operation)).toEqual(inside.map(({ name }) => name));
          if (seen.closed) expect(inside).toEqual([]);
        }
        clock.advance(50);
        await Promise.all(attempts);
        for (const { permit } of inside) permit.release();
        expect(await gate.close(0)).toEqual({ kind: 'closed' });
        expect(clock.pending()).toBe(0);
      }),
    );
  });
});
