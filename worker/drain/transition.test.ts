import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  defaultDrainRules,
  servingState,
  type DrainEffect,
  type DrainEvent,
  type DrainFacts,
  type DrainRules,
  type DrainState,
} from './state.js';
import { nextDueMs, transition } from './transition.js';

const rules: DrainRules = { ...defaultDrainRules, checkpointable: true };
const hostRules: DrainRules = { ...rules, checkpointable: false };
const nobody = { free: 0, restless: 0, rested: 0, giving: 0 };
const calm: DrainFacts = { sessions: 3, busy: 0, ...nobody, rested: 3, unflushed: 0, unsealed: 0, attached: 0 };
const busy: DrainFacts = { sessions: 3, busy: 3, ...nobody, restless: 3, unflushed: 3, unsealed: 3, attached: 3 };

const fence = (
  restartUid = 'a',
  fencing = 1,
  generation = 1,
): { restartUid: string; fencing: number; generation: number } => ({
  restartUid,
  fencing,
  generation,
});
const cordon = (by = fence(), leaseMs = 60_000): DrainEvent => ({ kind: 'cordon', fence: by, leaseMs, reason: 'why' });
const uncordon = (by = fence(), anyRestart = false): DrainEvent => ({ kind: 'uncordon', fence: by, anyRestart });
const drain = (options: Partial<Extract<DrainEvent, { kind: 'drain' }>> = {}): DrainEvent => ({
  kind: 'drain',
  fence: fence(),
  leaseMs: 60_000,
  reason: 'why',
  noticeMs: 10_000,
  holdsNotice: false,
  timeoutMs: 60_000,
  onTimeout: 'force',
  ...options,
});
const endNotice = (by = fence()): DrainEvent => ({ kind: 'end-notice', fence: by });
const observe = (facts: DrainFacts): DrainEvent => ({ kind: 'observe', facts });

/** What is left when all who were not safe have been forced: those count in `attached` only. */
const forced = (facts: DrainFacts): DrainFacts => ({ ...facts, busy: 0, restless: 0, unflushed: 0, unsealed: 0 });

/** A gate with its clock and everything it asked for. */
class Machine {
  state: DrainState = servingState(0);
  nowMs = 0;
  readonly effects: DrainEffect[] = [];
  /** What the sessions look like at the end of `settle`. */
  facts: DrainFacts = calm;
  constructor(readonly own: DrainRules = rules) {}

  apply(event: DrainEvent): string | undefined {
    const { state, effects, refusal } = transition(this.state, event, this.nowMs, this.own);
    this.state = state;
    this.effects.push(...effects);
    return refusal;
  }
  settle(facts: DrainFacts): string[] {
    const phases: string[] = [this.state.phase];
    this.facts = facts;
    for (let before = this.state; ; before = this.state) {
      const done = this.effects.length;
      this.apply(observe(this.facts));
      if (this.effects.slice(done).some(({ kind }) => kind === 'force')) this.facts = forced(this.facts);
      if (this.state === before) return phases;
      if (this.state.phase !== before.phase) phases.push(this.state.phase);
    }
  }
  kinds(): string[] {
    return this.effects.map(({ kind }) => kind);
  }
}

describe('the drain state machine', () => {
  test('walks from SERVING to CLOSED over sessions that are at rest', () => {
    const gate = new Machine();
    gate.apply(cordon());
    gate.apply(drain());
    expect(gate.settle(calm)).toEqual(['NOTIFIED', 'FROZEN', 'QUIESCED', 'CHECKPOINTED', 'RELEASED', 'CLOSED']);
    expect(gate.kinds()).toEqual([
      'refuse-new',
      'refuse-new',
      'notice',
      'freeze',
      'freeze',
      'flush',
      'seal',
      'release',
      'receipt',
    ]);
  });

  test('freezes when the notice is over though sessions are busy', () => {
    const gate = new Machine();
    gate.apply(drain());
    gate.settle(busy);
    expect(gate.state.phase).toBe('NOTIFIED');
    gate.nowMs = 10_000;
    gate.settle(busy);
    expect(gate.state.phase).toBe('FROZEN');
  });

  test('waits beyond its notice for sessions that move, until half of what is left, and no longer than they need', () => {
    const gate = new Machine();
    gate.apply(drain());
    gate.nowMs = 10_000;
    expect(gate.settle({ ...calm, giving: 2 })).toEqual(['NOTIFIED']);
    const { givesUntilMs, policyAtMs } = gate.state.plan!;
    expect(givesUntilMs).toBe(10_000 + (policyAtMs - 10_000) / 2);
    const late = new Machine();
    late.apply(drain());
    late.nowMs = 10_000;
    late.settle({ ...busy, giving: 2 });
    late.nowMs = givesUntilMs!;
    expect(late.settle({ ...busy, giving: 1 })).toContain('FROZEN');
    gate.nowMs = 10_100;
    expect(gate.settle({ ...busy, giving: 0 })).toContain('FROZEN');
  });

  test('forces what cannot be forced again and again, but not in one turn', () => {
    const gate = new Machine();
    gate.apply(drain({ leaseMs: 300_000 }));
    const opening = { ...calm, sessions: 1, unsealed: 1 };
    gate.settle(opening);
    gate.nowMs = 60_000;
    for (let before = gate.state, steps = 0; ; before = gate.state, steps++) {
      gate.apply(observe(opening));
      if (gate.state === before) break;
      if (steps > 20) throw new Error('It goes round in circles.');
    }
    expect(gate.state.phase).toBe('CHECKPOINTED');
    expect(nextDueMs(gate.state, rules)).toBeGreaterThan(gate.nowMs);
    gate.nowMs = 61_000;
    expect(gate.settle(calm)).toContain('CLOSED');
  });

  test('does not end its notice early while sessions are still to move', () => {
    const gate = new Machine();
    gate.apply(drain());
    expect(gate.settle({ ...calm, giving: 1 })).toEqual(['NOTIFIED']);
    expect(gate.settle(calm)).toContain('FROZEN');
  });

  test('works on though its sessions are idle while its notice is held, until the notice is over', () => {
    const gate = new Machine();
    gate.apply(drain({ holdsNotice: true }));
    gate.nowMs = 9_999;
    expect(gate.settle(calm)).toEqual(['NOTIFIED']);
    gate.nowMs = 10_000;
    expect(gate.settle(calm)).toContain('FROZEN');
  });

  test('holds a notice for as long as it is told, up to where the policy applies; one that is not held half of the time', () => {
    const until = (options: Parameters<typeof drain>[0]): number | undefined => {
      const gate = new Machine();
      gate.apply(drain({ noticeMs: 1_000_000, ...options }));
      return gate.state.plan?.noticeUntilMs;
    };
    expect(until({})).toBe(30_000);
    expect(until({ holdsNotice: true })).toBe(58_000);
    expect(until({ holdsNotice: true, onTimeout: 'wait' })).toBe(1_000_000);
  });

  test.each(['abort', 'force', 'wait'] as const)(
    'does what the policy says when nobody ends its notice: %s',
    (onTimeout) => {
      const gate = new Machine();
      gate.apply(drain({ noticeMs: 60_000, leaseMs: 90_000, holdsNotice: true, onTimeout }));
      gate.nowMs = 57_999;
      expect(gate.settle({ ...calm, sessions: 3 })).toEqual(['NOTIFIED']);
      gate.nowMs = 60_000;
      const ends = { abort: 'SERVING', force: 'CLOSED', wait: 'CLOSED' };
      expect(gate.settle(calm).at(-1)).toBe(ends[onTimeout]);
      expect(gate.effects.filter(({ kind }) => kind === 'force')).toHaveLength(onTimeout === 'force' ? 1 : 0);
    },
  );

  test('freezes at once when its held notice is ended, even if sessions have become busy again', () => {
    const gate = new Machine();
    gate.apply(drain({ holdsNotice: true }));
    gate.nowMs = 1_000;
    gate.settle(calm);
    expect(gate.apply(endNotice())).toBeUndefined();
    expect(gate.settle(busy)).toContain('FROZEN');
  });

  test('holds a notice no more once a call of the same restart does not hold it, and never holds it again', () => {
    const gate = new Machine();
    gate.apply(drain({ holdsNotice: true }));
    gate.apply(drain({ holdsNotice: false }));
    gate.apply(drain({ holdsNotice: true }));
    expect(gate.settle(calm)).toContain('FROZEN');
  });

  test('takes a shorter notice from a call that joins, never a longer one', () => {
    const gate = new Machine();
    gate.apply(drain({ noticeMs: 5_000 }));
    gate.apply(drain({ noticeMs: 20_000 }));
    expect(gate.state.plan?.noticeUntilMs).toBe(5_000);
    gate.nowMs = 1_000;
    gate.apply(drain({ noticeMs: 0 }));
    expect(gate.settle(busy)).toEqual(['NOTIFIED', 'FROZEN']);
  });

  test('ends the notice of the drain under way only, and renews no lease by it', () => {
    const gate = new Machine();
    gate.apply(cordon(fence(), 5_000));
    expect(gate.apply(endNotice())).toContain('no drain under way');
    expect(gate.state.phase).toBe('CORDONED');
    gate.apply(drain({ leaseMs: 5_000, holdsNotice: true }));
    gate.nowMs = 1_000;
    expect(gate.apply(endNotice(fence('b')))).toContain('Restart a');
    expect(gate.apply(endNotice(fence('a', 0)))).toContain('Fencing number 0');
    expect(gate.state.plan?.noticeUntilMs).toBe(10_000);
    gate.apply(endNotice());
    expect(gate.state.cordon?.leaseUntilMs).toBe(5_000);
    expect(gate.state.plan?.deadlineMs).toBe(60_000);
  });

  test('has nothing to hold for where no session can be written down and none is left', () => {
    const gate = new Machine(hostRules);
    gate.apply(drain({ holdsNotice: true }));
    expect(gate.settle({ ...calm, sessions: 0 })).toContain('CLOSED');
  });

  test('never freezes sessions that cannot be written down: it waits for them until the policy applies', () => {
    const gate = new Machine(hostRules);
    gate.apply(drain({ onTimeout: 'abort' }));
    gate.nowMs = 57_999;
    expect(gate.settle(calm)).toEqual(['NOTIFIED']);
    gate.nowMs = 58_000;
    expect(gate.settle(calm)).toEqual(['NOTIFIED', 'SERVING']);
    expect(gate.kinds()).not.toContain('freeze');
  });

  test('forces only who is restless, seals the others, and is complete by the deadline', () => {
    const gate = new Machine();
    gate.apply(drain({ noticeMs: 0, timeoutMs: 5_000 }));
    gate.settle({ ...busy, restless: 1, unsealed: 0, attached: 0 });
    expect(gate.state.phase).toBe('FROZEN');
    gate.nowMs = 4_000;
    expect(gate.settle({ ...calm, sessions: 2 })).toContain('CLOSED');
    const other = new Machine();
    other.apply(drain({ noticeMs: 0, timeoutMs: 5_000 }));
    other.settle({ ...calm, restless: 1 });
    other.nowMs = 4_000;
    other.apply(observe({ ...calm, restless: 1 }));
    expect(other.state.phase).toBe('FORCED');
    expect(other.effects.at(-1)).toMatchObject({ kind: 'force', who: 'restless' });
    expect(other.settle({ ...calm, sessions: 2 }).at(-1)).toBe('CLOSED');
  });

  test('waits beyond the deadline when told to, for as long as the lease is renewed', () => {
    const gate = new Machine();
    gate.apply(drain({ onTimeout: 'wait', noticeMs: 0, leaseMs: 90_000 }));
    gate.settle(busy);
    gate.nowMs = 80_000;
    gate.settle(busy);
    expect(gate.state.phase).toBe('FROZEN');
    gate.apply(cordon(fence(), 90_000));
    gate.nowMs = 169_999;
    gate.settle(busy);
    expect(gate.state.phase).toBe('FROZEN');
    gate.nowMs = 170_000;
    gate.settle(busy);
    expect(gate.state.phase).toBe('SERVING');
  });

  test('does not wait for acknowledgements for ever: the replay is saved', () => {
    const gate = new Machine();
    gate.apply(drain({ noticeMs: 0 }));
    gate.settle({ ...calm, unflushed: 1, unsealed: 3 });
    expect(gate.state.phase).toBe('QUIESCED');
    gate.nowMs = 1_000;
    gate.settle({ ...calm, unflushed: 1, unsealed: 3 });
    expect(gate.state.phase).toBe('CHECKPOINTED');
  });

  test('leaves most of a short time for writing down, whatever clients acknowledge', () => {
    const gate = new Machine();
    gate.apply({ kind: 'terminate', graceMs: 2_000, restartUid: 'shutdown' });
    gate.settle({ ...calm, unflushed: 1, unsealed: 3 });
    expect(gate.state.phase).toBe('QUIESCED');
    gate.nowMs = 400;
    gate.settle({ ...calm, unflushed: 1, unsealed: 3 });
    expect(gate.state.phase).toBe('CHECKPOINTED');
  });

  test('refuses commands of an older controller, an older attempt and another restart', () => {
    const gate = new Machine();
    gate.apply(cordon(fence('a', 3, 2)));
    expect(gate.apply(cordon(fence('a', 2, 2)))).toContain('Fencing number 2');
    expect(gate.apply(cordon(fence('a', 3, 1)))).toContain('Generation 1');
    expect(gate.apply(drain({ fence: fence('b', 3, 9) }))).toContain('Restart a');
    expect(gate.apply(uncordon(fence('b', 3, 9)))).toContain('Restart a');
    expect(gate.apply(cordon(fence('', 3, 9)))).toContain('no restart');
    gate.apply(uncordon(fence('a', 3, 2)));
    expect(gate.state.phase).toBe('SERVING');
    expect(gate.apply(cordon(fence('a', 3, 1)))).toContain('Generation 1');
    expect(gate.apply(cordon(fence('b', 2, 1)))).toContain('Fencing number 2');
    expect(gate.apply(cordon(fence('b', 3, 1)))).toBeUndefined();
  });

  test.each([-1, 2 ** 30 + 1, 2_147_483_647, 2 ** 32, Number.MAX_SAFE_INTEGER])(
    'refuses the number %d, which no leader has, and remembers nothing of it',
    (fencing) => {
      const gate = new Machine();
      expect(gate.apply(cordon(fence('a', fencing)))).toContain(`The fencing number ${fencing} `);
      expect(gate.apply(cordon(fence('a', 1)))).toBeUndefined();
    },
  );

  test('lets a person uncordon whatever the fence', () => {
    const gate = new Machine();
    gate.apply(cordon(fence('a', 3, 2)));
    expect(gate.apply(uncordon(fence('', 0, 0), true))).toBeUndefined();
    expect(gate.state.phase).toBe('SERVING');
  });

  test('takes a new deadline from a newer attempt that joins, not from the same one again', () => {
    const gate = new Machine();
    gate.apply(drain({ timeoutMs: 60_000 }));
    gate.nowMs = 1_000;
    gate.apply(drain({ timeoutMs: 60_000 }));
    expect(gate.state.plan?.deadlineMs).toBe(60_000);
    gate.apply(drain({ fence: fence('a', 2, 1), timeoutMs: 20_000, onTimeout: 'abort' }));
    expect(gate.state.plan).toMatchObject({ deadlineMs: 21_000, onTimeout: 'abort', serial: 1 });
  });

  test('ends for good on SIGTERM, hurries on a second one, and opens no more', () => {
    const gate = new Machine();
    const terminate: DrainEvent = { kind: 'terminate', graceMs: 25_000, restartUid: 'shutdown' };
    gate.apply(terminate);
    expect(gate.settle(busy)).toEqual(['NOTIFIED', 'FROZEN']);
    expect(gate.apply(uncordon(fence('shutdown', 1, 1), true))).toContain('shutting down');
    gate.nowMs = 1_000;
    gate.apply(terminate);
    expect(gate.state.plan?.deadlineMs).toBe(3_000);
    gate.nowMs = 1_000_000;
    gate.apply(observe({ ...busy, restless: 1 }));
    expect(gate.state.phase).toBe('FORCED');
  });

  test('joins the drain under way on SIGTERM and takes its cordon over', () => {
    const gate = new Machine();
    gate.apply(drain({ leaseMs: 1_000, onTimeout: 'wait' }));
    gate.apply({ kind: 'terminate', graceMs: 25_000, restartUid: 'shutdown' });
    gate.nowMs = 2_000;
    gate.settle(busy);
    expect(gate.state).toMatchObject({ phase: 'FROZEN', terminating: true });
    expect(gate.state.plan).toMatchObject({ onTimeout: 'force', deadlineMs: 25_000 });
  });
});

const facts = fc.record({
  sessions: fc.nat(3),
  busy: fc.nat(2),
  free: fc.nat(2),
  restless: fc.nat(2),
  rested: fc.nat(2),
  giving: fc.nat(2),
  unflushed: fc.nat(2),
  unsealed: fc.nat(2),
  attached: fc.nat(2),
});
const anyFence = fc.record({
  restartUid: fc.constantFrom('a', 'b'),
  fencing: fc.nat(2),
  generation: fc.nat(2),
});
const leaseMs = fc.integer({ min: 1, max: 40_000 });
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('observe' as const), facts }) },
  fc.record({ kind: fc.constant('cordon' as const), fence: anyFence, leaseMs, reason: fc.constant('') }),
  fc.record({ kind: fc.constant('uncordon' as const), fence: anyFence, anyRestart: fc.boolean() }),
  fc.record({ kind: fc.constant('end-notice' as const), fence: anyFence }),
  fc.record({
    kind: fc.constant('drain' as const),
    fence: anyFence,
    leaseMs,
    reason: fc.constant(''),
    noticeMs: fc.nat(20_000),
    holdsNotice: fc.boolean(),
    timeoutMs: fc.integer({ min: 1, max: 60_000 }),
    onTimeout: fc.constantFrom('force' as const, 'abort' as const, 'wait' as const),
  }),
);
const steps = fc.array(fc.tuple(fc.nat(15_000), step), { maxLength: 60 });

describe('every run of the drain state machine', () => {
  const run = (
    walk: readonly (readonly [number, DrainEvent])[],
    each: (before: DrainState, gate: Machine, event: DrainEvent) => void,
  ): Machine => {
    const gate = new Machine();
    for (const [waitMs, event] of walk) {
      gate.nowMs += waitMs;
      const before = gate.state;
      gate.apply(event);
      each(before, gate, event);
    }
    return gate;
  };

  test('admits new sessions in SERVING only', () => {
    fc.assert(
      fc.property(steps, (walk) => {
        let admits = true;
        run(walk, (before, gate) => {
          for (const { kind } of gate.effects.splice(0)) {
            if (kind === 'refuse-new') admits = false;
            if (kind === 'admit-new') admits = true;
          }
          expect(admits).toBe(gate.state.phase === 'SERVING');
          expect(before.drains).toBeLessThanOrEqual(gate.state.drains);
        });
      }),
    );
  });

  test('releases nobody before everybody is sealed, and gives a receipt once, after the release', () => {
    fc.assert(
      fc.property(steps, (walk) => {
        run(walk, (before, gate, event) => {
          const kinds = gate.effects.splice(0).map(({ kind }) => kind);
          if (kinds.includes('release')) {
            expect(before.phase).toBe('CHECKPOINTED');
            expect(event.kind === 'observe' && event.facts.unsealed).toBe(0);
          }
          if (kinds.includes('receipt')) expect(before.phase).toBe('RELEASED');
        });
      }),
    );
  });

  test('seals nobody before everybody is at rest, or the policy has ended who was not', () => {
    fc.assert(
      fc.property(steps, (walk) => {
        run(walk, (before, gate, event) => {
          const kinds = gate.effects.splice(0).map(({ kind }) => kind);
          if (!kinds.includes('flush')) return;
          expect(before).toMatchObject({ phase: 'FROZEN', wave: { kind: 'closing' } });
          expect(event).toMatchObject({ kind: 'observe', facts: { free: 0, restless: 0 } });
        });
      }),
    );
  });

  test('asks to come to rest in FROZEN only, and has a wave there and nowhere else', () => {
    fc.assert(
      fc.property(steps, (walk) => {
        run(walk, (before, gate) => {
          const kinds = gate.effects.splice(0).map(({ kind }) => kind);
          expect(gate.state.wave !== undefined).toBe(gate.state.phase === 'FROZEN');
          if (kinds.includes('freeze')) expect(gate.state.phase).toBe('FROZEN');
          if (kinds.includes('ease')) expect([before.phase, gate.state.phase]).toEqual(['FROZEN', 'FROZEN']);
        });
      }),
    );
  });

  test('thaws whoever may be frozen whenever it opens again', () => {
    fc.assert(
      fc.property(steps, (walk) => {
        run(walk, (before, gate) => {
          const kinds = gate.effects.splice(0).map(({ kind }) => kind);
          const isReopened = before.plan !== undefined && gate.state.phase === 'SERVING';
          expect(kinds.includes('reopen')).toBe(isReopened);
        });
      }),
    );
  });

  test('opens again when nobody renews its lease, from wherever it is', () => {
    fc.assert(
      fc.property(steps, facts, (walk, last) => {
        const gate = run(walk, () => undefined);
        gate.nowMs += 40_001;
        gate.apply({ kind: 'observe', facts: last });
        expect(gate.state.phase).toBe('SERVING');
      }),
    );
  });

  test('is woken by its own timer for everything that time alone does', () => {
    fc.assert(
      fc.property(steps, facts, (walk, last) => {
        const gate = run(walk, () => undefined);
        gate.settle(last);
        const due = nextDueMs(gate.state, rules);
        const state = gate.state;
        gate.nowMs = (due ?? Infinity) - 1;
        if (due === undefined) gate.nowMs = 1e12;
        gate.apply({ kind: 'observe', facts: gate.facts });
        expect(gate.state).toBe(state);
      }),
    );
  });
});

describe('a worker that retires', () => {
  const retire = (by = fence()): DrainEvent => ({ kind: 'retire', fence: by });
  const expire: DrainEvent = { kind: 'expire', timeoutMs: 10_000, reason: 'over' };

  test('refuses what is new, whoever has cordoned it, and obeys no older leader', () => {
    const machine = new Machine(hostRules);
    expect(machine.apply(cordon(fence('a', 2)))).toBeUndefined();
    expect(machine.apply(retire(fence('b', 1)))).toMatch(/behind 2/);
    expect(machine.apply(retire(fence('b', 3)))).toBeUndefined();
    expect(machine.effects.at(-1)).toEqual({ kind: 'refuse-new' });
    expect(machine.state).toMatchObject({ phase: 'CORDONED', highestFencing: 3, cordon: { fence: fence('a', 2) } });
  });

  test('ends what is left by force at its time; whoever drains it then gets the receipt of that end', () => {
    const machine = new Machine(hostRules);
    machine.apply(expire);
    expect(machine.state).toMatchObject({ phase: 'NOTIFIED', cordon: { isOwn: true, leaseUntilMs: Infinity } });
    machine.nowMs = 10_000;
    for (const facts of [busy, ...Array<DrainFacts>(6).fill({ ...forced(busy), sessions: 0, attached: 0 })])
      machine.apply(observe(facts));
    expect(machine.effects).toContainEqual({ kind: 'force', who: 'all', reason: expect.any(String) });
    expect(machine.state.phase).toBe('CLOSED');
    machine.effects.length = 0;
    expect(machine.apply(drain({ fence: fence('b') }))).toBeUndefined();
    expect(machine.effects).toEqual([{ kind: 'receipt' }]);
    expect(machine.state.cordon).toMatchObject({ fence: fence('b') });
    expect(machine.state.cordon?.isOwn).not.toBe(true);
    expect(machine.apply(drain({ fence: fence('c') }))).toMatch(/Restart b has the cordon/);
  });

  test('gives the receipt of that end also to a restart that cordons it before it drains it, as an agent does', () => {
    const machine = new Machine(hostRules);
    machine.apply(expire);
    machine.nowMs = 10_000;
    machine.settle(busy);
    machine.settle({ ...forced(busy), sessions: 0, attached: 0 });
    expect(machine.state.phase).toBe('CLOSED');
    machine.effects.length = 0;
    expect(machine.apply(cordon(fence('b')))).toBeUndefined();
    expect(machine.apply(drain({ fence: fence('b') }))).toBeUndefined();
    expect(machine.effects).toContainEqual({ kind: 'receipt' });
    expect(machine.state).toMatchObject({ phase: 'CLOSED', cordon: { fence: fence('b') } });
    expect(machine.apply(cordon(fence('c')))).toMatch(/Restart b has the cordon/);
  });

  test('leaves a drain alone that a restart has under way at its time', () => {
    const machine = new Machine(hostRules);
    machine.apply(drain());
    const before = machine.state;
    machine.apply(expire);
    expect(machine.state).toBe(before);
  });
});
