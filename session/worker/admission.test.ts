import { describe, expect, test } from '@jest/globals';
import { AttachMode, type Hello } from '#proto/session/v1/session.js';
import {
  decideAttach,
  type AttachDecision,
  type VerifiedCaller,
  type SessionLife,
  type SessionState,
  type SessionView,
} from './admission.js';

const sessionId = '00000000-0000-4000-8000-000000000001';
const open = { admitsNew: true, admitsAttach: true };
const cordoned = { admitsNew: false, admitsAttach: true };

function hello(change: Partial<Hello> = {}): Hello {
  return {
    versions: [1],
    capabilities: [],
    panel: 'echo',
    sessionId,
    clientId: 'a',
    takeover: false,
    mode: AttachMode.RESUME,
    attachNonce: 'n2',
    resumeToken: Buffer.alloc(0),
    incarnation: 1,
    nextRx: 5,
    txBase: 3,
    txNext: 8,
    parameters: {},
    moves: false,
    ...change,
  };
}

const opening: Partial<Hello> = { mode: AttachMode.OPEN, incarnation: 0, nextRx: 1, txBase: 1, txNext: 1 };

function caller(epoch?: number, change: Partial<VerifiedCaller> = {}): VerifiedCaller {
  const token = epoch === undefined ? ({ kind: 'absent' } as const) : ({ kind: 'valid', epoch } as const);
  return { identity: 'alice', roles: ['client'], token, ...change };
}

const state: SessionState = {
  cursors: { nextRx: 6, txBase: 4, txNext: 9 },
  earlierAttempts: [{ clientId: 'a', nonce: 'n0' }],
  heldFromSeq: 1,
};
const live: SessionLife = { ...state, kind: 'live', attachment: 'rpc1' };

function view(change: Partial<SessionView> = {}): SessionView {
  return {
    panel: 'echo',
    owner: 'alice',
    clientId: 'a',
    incarnation: 1,
    numberedSince: 1,
    attachEpoch: 3,
    confirmedEpoch: 3,
    attachNonce: 'n1',
    life: live,
    ...change,
  };
}

function refusal(decision: AttachDecision): string {
  return decision.kind === 'refuse' ? decision.code : decision.kind;
}

describe('a hello for a session that does not exist', () => {
  test.each([AttachMode.OPEN, AttachMode.OPEN_OR_RESUME])('opens it in mode %d', (mode) => {
    expect(decideAttach(undefined, hello({ ...opening, mode }), caller(), open)).toMatchObject({
      kind: 'open',
      outcome: 'NEW',
      incarnation: 1,
      attachEpoch: 1,
    });
  });

  test('is refused once the gate is cordoned: the worker decides, so one in flight cannot slip in', () => {
    expect(refusal(decideAttach(undefined, hello(opening), caller(), cordoned))).toBe('CORDONED');
  });

  test('is not found when it resumes', () => {
    expect(refusal(decideAttach(undefined, hello(), caller(1), open))).toBe('SESSION_UNKNOWN');
  });
});

describe('a hello for a live session', () => {
  test('resumes it exactly, raises the epoch and names the attachment to end', () => {
    expect(decideAttach(view(), hello(), caller(3), open)).toEqual({
      kind: 'resume',
      outcome: 'EXACT',
      version: 1,
      incarnation: 1,
      attachEpoch: 4,
      confirmedEpoch: 3,
      fence: 'rpc1',
      output: { kind: 'replay', seq: 5 },
    });
  });

  test('is let in while the gate is cordoned, and told to wait once the session is sealed', () => {
    expect(decideAttach(view(), hello(), caller(3), cordoned).kind).toBe('resume');
    const closed = { admitsNew: false, admitsAttach: false };
    expect(refusal(decideAttach(view(), hello(), caller(3), closed))).toBe('WORKER_UNAVAILABLE');
  });

  test('gets the same answer for a wrong token as for a session that does not exist', () => {
    const none = decideAttach(undefined, hello(), caller(3), open);
    expect(decideAttach(view(), hello(), { ...caller(), token: { kind: 'invalid' } }, open)).toEqual(none);
    expect(decideAttach(view(), hello(), caller(3, { identity: 'mallory' }), open)).toEqual(none);
    expect(decideAttach(view(), hello(), caller(), open)).toEqual(none);
    expect(decideAttach(view(), hello({ panel: 'other' }), caller(3), open)).toEqual(none);
  });

  test('is let in for an admin', () => {
    const admin = caller(3, { identity: 'root', roles: ['admin'] });
    expect(decideAttach(view(), hello(), admin, open).kind).toBe('resume');
    expect(refusal(decideAttach(view(), hello(), caller(3, { roles: ['operator'] }), open))).toBe('IDENTITY_REFUSED');
  });

  test('may use the token before the last rotations as long as no welcome since was heard', () => {
    const unheard = view({ attachEpoch: 5, confirmedEpoch: 3 });
    expect(decideAttach(unheard, hello(), caller(3), open)).toMatchObject({ kind: 'resume', attachEpoch: 6 });
    expect(decideAttach(unheard, hello(), caller(4), open)).toMatchObject({ attachEpoch: 6, confirmedEpoch: 4 });
    expect(refusal(decideAttach(unheard, hello(), caller(2), open))).toBe('FENCED');
  });

  test('that is older than the attachment which holds it is fenced', () => {
    expect(refusal(decideAttach(view(), hello(), caller(2), open))).toBe('FENCED');
  });

  test('with the nonce of the current attachment replaces its RPC in the same epoch, until the client has spoken', () => {
    const repeated = hello({ attachNonce: 'n1' });
    expect(decideAttach(view({ confirmedEpoch: 2 }), repeated, caller(2), open)).toMatchObject({
      kind: 'replace-rpc',
      attachEpoch: 3,
      fence: 'rpc1',
    });
    expect(refusal(decideAttach(view(), repeated, caller(3), open))).toBe('FENCED');
  });

  test('opens the same session twice by the same client, until it has heard the welcome', () => {
    const unheard = view({ attachEpoch: 1, confirmedEpoch: 0 });
    expect(decideAttach(unheard, hello(opening), caller(), open)).toMatchObject({
      kind: 'resume',
      outcome: 'EXACT',
      attachEpoch: 2,
    });
    expect(decideAttach(unheard, hello(opening), caller(), cordoned).kind).toBe('resume');
    expect(refusal(decideAttach(view(), hello(opening), caller(), open))).toBe('FENCED');
  });

  test('of another client is refused without a takeover, and in mode open', () => {
    const other = { clientId: 'b' };
    expect(refusal(decideAttach(view(), hello(other), caller(3), open))).toBe('ATTACH_SUPERSEDED');
    expect(refusal(decideAttach(view(), hello({ ...opening, ...other }), caller(), open))).toBe('SESSION_WRONG_MODE');
    expect(refusal(decideAttach(view(), hello({ ...opening, ...other }), caller(3), open))).toBe('SESSION_WRONG_MODE');
  });

  test('of another client takes over when it asks for it, from the start of what is kept', () => {
    const taking = hello({ clientId: 'b', takeover: true, incarnation: 0, nextRx: 1, txBase: 1, txNext: 1 });
    expect(decideAttach(view(), taking, caller(3), open)).toMatchObject({
      kind: 'resume',
      outcome: 'EXACT',
      attachEpoch: 4,
      fence: 'rpc1',
      output: { kind: 'behind', from: 1, through: 3 },
    });
  });

  test('whose client is behind the replay buffer is told which output is not kept', () => {
    expect(decideAttach(view(), hello({ nextRx: 2 }), caller(3), open)).toMatchObject({
      output: { kind: 'behind', from: 2, through: 3 },
    });
  });

  test('in numbers of an earlier life is rolled back, not continued', () => {
    const reborn = view({ incarnation: 3, numberedSince: 3 });
    expect(decideAttach(reborn, hello(), caller(3), open)).toMatchObject({ outcome: 'ROLLED_BACK', incarnation: 3 });
    const continued = view({ incarnation: 3, numberedSince: 1 });
    expect(decideAttach(continued, hello(), caller(3), open)).toMatchObject({ outcome: 'EXACT', incarnation: 3 });
  });

  test.each<[string, Partial<Hello>]>([
    ['output that the worker never gave', { nextRx: 10 }],
    ['input acknowledged that the worker does not have', { txBase: 7, txNext: 8 }],
    ['less input written than the worker has', { txBase: 3, txNext: 5 }],
    ['a later life', { incarnation: 2 }],
  ])('is never continued when the client remembers %s', (_, change) => {
    expect(refusal(decideAttach(view(), hello(change), caller(3), open))).toBe('SESSION_LOST');
  });

  test('is never continued with a token of an epoch that this worker did not give', () => {
    expect(refusal(decideAttach(view(), hello(), caller(4), open))).toBe('SESSION_LOST');
  });
});

describe('a hello of a client whose attachment goes on meanwhile', () => {
  const moving = (change: Partial<Hello> = {}): Hello => hello({ moves: true, ...change });

  test('may know of less input than the worker has, which no other hello may', () => {
    const behind = { txBase: 3, txNext: 5 };
    expect(decideAttach(view(), moving(behind), caller(3), open)).toMatchObject({ kind: 'resume', outcome: 'EXACT' });
    expect(refusal(decideAttach(view(), hello(behind), caller(3), open))).toBe('SESSION_LOST');
  });

  test('is told nothing lost that this client has acknowledged since', () => {
    const decision = decideAttach(view(), moving({ nextRx: 2 }), caller(3), open);
    expect(decision).toMatchObject({ outcome: 'EXACT', output: { kind: 'replay', seq: 4 } });
  });

  test('is told what another client acknowledged that held the session in between', () => {
    const taken = view({ life: { ...live, heldFromSeq: 4 } });
    expect(decideAttach(taken, moving({ nextRx: 2 }), caller(3), open)).toMatchObject({
      output: { kind: 'behind', from: 2, through: 3 },
    });
  });

  test('is exact where another client holds the session', () => {
    const taking = moving({ clientId: 'b', takeover: true, txBase: 3, txNext: 5 });
    expect(refusal(decideAttach(view(), taking, caller(3), open))).toBe('SESSION_LOST');
  });

  test.each<[string, Partial<Hello>]>([
    ['output that the worker never gave', { nextRx: 10 }],
    ['input acknowledged that the worker does not have', { txBase: 7, txNext: 8 }],
  ])('is never continued when the client remembers %s', (_, change) => {
    expect(refusal(decideAttach(view(), moving(change), caller(3), open))).toBe('SESSION_LOST');
  });

  test('is let in on a sealed checkpoint as on a live session', () => {
    const life: SessionLife = { ...state, kind: 'sealed' };
    expect(decideAttach(view({ life }), moving({ nextRx: 2, txNext: 5 }), caller(3), open)).toMatchObject({
      kind: 'restore',
      outcome: 'EXACT',
      output: { kind: 'replay', seq: 4 },
    });
  });
});

describe('a hello of an attempt before the current one', () => {
  const late = hello({ attachNonce: 'n0' });

  test.each<[string, SessionLife]>([
    ['a live session', live],
    ['a sealed checkpoint', { ...state, kind: 'sealed' }],
  ])('does not get %s, though its token is good', (_, life) => {
    const unheard = view({ life, attachEpoch: 4 });
    expect(refusal(decideAttach(unheard, late, caller(3), open))).toBe('FENCED');
    expect(decideAttach(unheard, hello(), caller(3), open).kind).not.toBe('refuse');
  });

  test('is another one when another client uses the same nonce', () => {
    const taking = hello({ attachNonce: 'n0', clientId: 'b', takeover: true });
    expect(decideAttach(view(), taking, caller(3), open).kind).toBe('resume');
  });
});

describe('a hello for a session that is not in memory', () => {
  const sealed: SessionLife = { ...state, kind: 'sealed' };

  test('restores a sealed checkpoint exactly, in a new incarnation', () => {
    expect(decideAttach(view({ life: sealed }), hello(), caller(3), cordoned)).toMatchObject({
      kind: 'restore',
      from: 'sealed',
      outcome: 'EXACT',
      incarnation: 2,
      output: { kind: 'replay', seq: 5 },
    });
  });

  test('never restores a checkpoint that the client is ahead of', () => {
    const stale = view({ life: { ...sealed, cursors: { nextRx: 2, txBase: 1, txNext: 3 } } });
    expect(refusal(decideAttach(stale, hello(), caller(3), open))).toBe('SESSION_LOST');
  });

  const crashed = (afterCrash: 'fresh' | 'end'): SessionView =>
    view({ attachEpoch: 0, confirmedEpoch: 0, attachNonce: '', clientId: '', life: { kind: 'crashed', afterCrash } });

  test('starts anew after a crash, says so, and takes any token of the session', () => {
    const decision = decideAttach(crashed('fresh'), hello(), caller(7), open);
    expect(decision).toMatchObject({ kind: 'restore', from: 'nothing', outcome: 'ROLLED_BACK', incarnation: 2 });
  });

  test('raises the epoch above any of the life before, though nobody wrote it down', () => {
    const decision = decideAttach(crashed('fresh'), hello(), caller(7), open);
    expect(decision.kind === 'restore' && decision.attachEpoch).toBeGreaterThan(2 ** 32);
  });

  test('is refused after a crash when the panel cannot start anew', () => {
    expect(refusal(decideAttach(crashed('end'), hello(), caller(7), open))).toBe('SESSION_ENDED');
  });

  test('is refused when the session has ended, but only to its owner', () => {
    const ended = view({ life: { kind: 'ended', message: 'The program has exited.' } });
    expect(decideAttach(ended, hello(), caller(3), open)).toEqual({
      kind: 'refuse',
      code: 'SESSION_ENDED',
      message: 'The program has exited.',
    });
    expect(refusal(decideAttach(ended, hello(), caller(3, { identity: 'bob' }), open))).toBe('SESSION_UNKNOWN');
  });
});

describe('a hello that is malformed', () => {
  test.each<[string, Partial<Hello>, string]>([
    ['speaks no version of ours', { versions: [7, 8] }, 'VERSION_UNSUPPORTED'],
    ['has no UUID', { sessionId: 'x' }, 'FRAME_INVALID'],
    ['has no client id', { clientId: '' }, 'FRAME_INVALID'],
    ['has no nonce', { attachNonce: '' }, 'FRAME_INVALID'],
    ['names no panel', { panel: '' }, 'FRAME_INVALID'],
    ['has a client id without end', { clientId: 'x'.repeat(200) }, 'FRAME_INVALID'],
    ['has no mode', { mode: AttachMode.UNSPECIFIED }, 'FRAME_INVALID'],
    ['has cursors below 1', { nextRx: 0 }, 'FRAME_INVALID'],
    ['has cursors that cross', { txBase: 9, txNext: 8 }, 'FRAME_INVALID'],
  ])('is refused when it %s', (_, change, code) => {
    expect(refusal(decideAttach(view(), hello(change), caller(3), open))).toBe(code);
  });

  test('may offer versions that we do not speak beside one that we do', () => {
    expect(decideAttach(view(), hello({ versions: [2, 1] }), caller(3), open)).toMatchObject({ version: 1 });
  });
});
