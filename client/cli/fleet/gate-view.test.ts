import { describe, expect, test } from '@jest/globals';
import { msToTimestamp } from '#common/time/timestamp.js';
import { GateStatus, State, Target } from '#proto/gate/v1/gate.js';
import { gateStatusJson, gateStatusLines } from './gate-view.js';

const retireAt = msToTimestamp(Date.parse('2027-01-31T03:00:00Z'));
const worker = { panel: 'terminal', target: Target.HOST, sessions: 2, pid: 7 };
const status = GateStatus.fromPartial({
  state: State.CORDONED,
  node: 'a',
  retiring: true,
  retireAt,
  workers: [
    { ...worker, state: State.CORDONED, retiring: true, retireAt },
    { ...worker, state: State.CORDONED, retiring: true },
    { ...worker, state: State.SERVING },
  ],
});

describe('the status of a gate whose hosts retire', () => {
  test('names what retires, and until when, for people', () => {
    const states = gateStatusLines(status).map((line) => /CORDONED.*?(?= {2})|SERVING/.exec(line)?.[0]);
    expect(states.slice(3)).toEqual(['CORDONED, retiring until 2027-01-31T03:00Z', 'CORDONED, retiring', 'SERVING']);
  });

  test('has its times as text for machines, and null where there is none', () => {
    expect(gateStatusJson(status)).toMatchObject({
      retireAt: '2027-01-31T03:00:00Z',
      workers: [{ retireAt: '2027-01-31T03:00:00Z' }, { retireAt: null }, { retireAt: null, retiring: false }],
    });
    expect(gateStatusJson(GateStatus.fromPartial({}))).toMatchObject({ retireAt: null });
  });
});
