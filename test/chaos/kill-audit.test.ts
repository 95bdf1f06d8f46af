import { describe, expect, test } from '@jest/globals';
import { judgeKills, type KillEvidence } from './kill-audit.js';

const user = 'system:serviceaccount:panelet-system:panelet-controller';
const kill = { pod: 'panelet-agent-x', user, uid: 'u1', atMs: 1_000 };
const receipt = { uid: 'u1', atMs: 900, withoutReceipt: undefined };

function judge(change: Partial<KillEvidence>) {
  return judgeKills({
    namespace: 'panelet-system',
    deletes: [kill],
    receipts: new Map([['u1', receipt]]),
    watched: new Map(),
    outages: [],
    ...change,
  });
}

const wrong = (change: Partial<KillEvidence>): string[] => judge(change).violations.map(({ evidence }) => evidence);

describe('the audit of kills', () => {
  test('is content with one deletion after its receipt', () => {
    expect(judge({})).toEqual({ kills: 1, unproven: [], byOthers: 0, violations: [] });
  });

  test('finds a kill without a receipt, and one before its receipt', () => {
    expect(wrong({ receipts: new Map() })).toEqual(['panelet-agent-x u1: no receipt was ever recorded']);
    const late = new Map([['u1', { ...receipt, atMs: 1_250 }]]);
    expect(wrong({ receipts: late })).toEqual(['panelet-agent-x u1: the receipt was recorded 250 ms later']);
  });

  test('finds a kill by force, which nobody has allowed', () => {
    const forced = new Map([['u1', { ...receipt, withoutReceipt: 'DeadlineExpired' }]]);
    expect(wrong({ receipts: forced })).toEqual(['panelet-agent-x u1: recorded as DeadlineExpired']);
  });

  test('finds a pod that was killed twice, and a kill that may have met another pod', () => {
    expect(wrong({ deletes: [kill, { ...kill, atMs: 1_100 }] })).toEqual(['panelet-agent-x u1 was deleted again']);
    expect(wrong({ deletes: [{ ...kill, uid: undefined }] })).toEqual(['panelet-agent-x was deleted without a uid']);
  });

  test('takes a watch for evidence where the killed API server has not written it down', () => {
    expect(judge({ receipts: new Map(), watched: new Map([['u1', 950]]) }).violations).toEqual([]);
  });

  test('leaves open what only that API server could tell', () => {
    const watched = new Map([['u1', 1_500]]);
    const verdict = judge({ receipts: new Map(), watched, outages: [{ fromMs: 500, toMs: 800 }] });
    expect(verdict).toMatchObject({ unproven: ['panelet-agent-x u1'], violations: [] });
    expect(wrong({ receipts: new Map(), watched, outages: [{ fromMs: 1_200, toMs: 1_400 }] })).toHaveLength(1);
    expect(wrong({ receipts: new Map(), outages: [{ fromMs: 500, toMs: 800 }] })).toHaveLength(1);
  });

  test('takes no notice of a kubelet that removes the object of a pod that has ended', () => {
    const removal = { ...kill, user: 'system:node:a', atMs: 1_400 };
    expect(judge({ deletes: [kill, removal] })).toEqual(judge({}));
  });

  test('looks at agents and hosts, and counts what others have deleted', () => {
    const deletes = [kill, { ...kill, pod: 'panelet-host-y', user: 'admin' }, { ...kill, pod: 'panelet-controller-z' }];
    expect(judge({ deletes })).toMatchObject({ kills: 1, byOthers: 1, violations: [] });
  });
});
