import { describe, expect, test } from '@jest/globals';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import type { Pod } from '#kube/objects.js';
import { State, type GateStatus } from '#proto/gate/v1/gate.js';
import type { GateView } from '../decide/snapshot.js';
import { GateAnswers } from './gate-answers.js';

const gate: Pod = { metadata: { name: 'p', uid: 'pod' } };
const question = { uid: 'pod', gate };
const said = (state: State): GateView => ({ kind: 'answered', status: { state } as GateStatus, receipt: undefined });

function answersAfter(view: GateView): { clock: FakeClock; answers: GateAnswers } {
  const clock = createFakeClock();
  const answers = new GateAnswers(clock);
  answers.asking(question)(view);
  return { clock, answers };
}

describe('an answer of a gate', () => {
  test('is good for half a second', () => {
    const { clock, answers } = answersAfter(said(State.FROZEN));
    clock.advance(499);
    expect(answers.of(question)).toEqual(said(State.FROZEN));
    clock.advance(1);
    expect(answers.of(question)).toBeUndefined();
  });

  test.each<[string, GateView]>([
    ['that it is closed', said(State.CLOSED)],
    ['that it was forced', said(State.FORCED)],
    ['that is none', { kind: 'unreachable', message: 'nobody' }],
  ])('%s is never remembered, nor what was said before', (_what, view) => {
    const { answers } = answersAfter(said(State.FROZEN));
    answers.asking(question)(view);
    expect(answers.of(question)).toBeUndefined();
  });

  test.each<[string, (answers: GateAnswers) => void]>([
    ['something has happened at it', (answers) => answers.forget('pod')],
    ['nobody asks about its pod any more', (answers) => answers.keepOnly(new Set(['another']))],
    ['it may say something else by now', (answers) => answers.limit('pod', 0)],
  ])('is void once %s', (_what, happens) => {
    const { answers } = answersAfter(said(State.FROZEN));
    happens(answers);
    expect(answers.of(question)).toBeUndefined();
  });

  test.each([State.CLOSED, State.FORCED])('that it is closed (%s) is good until that is written down', (state) => {
    const answers = new GateAnswers(createFakeClock());
    const forRecord = { ...question, isForRecord: true };
    answers.asking(forRecord)(said(state));
    expect(answers.of(forRecord)).toEqual(said(state));
    expect(answers.of(question)).toBeUndefined();
    answers.asking(forRecord)({ kind: 'unreachable', message: 'nobody' });
    expect(answers.of(forRecord)).toBeUndefined();
  });

  test('is void when its pod has changed', () => {
    const { answers } = answersAfter(said(State.FROZEN));
    expect(answers.of({ uid: 'pod', gate: { ...gate } })).toBeUndefined();
  });

  test('is not kept when something has happened while it was under way', () => {
    const answers = new GateAnswers(createFakeClock());
    const keep = answers.asking(question);
    answers.forget('pod');
    keep(said(State.SERVING));
    expect(answers.of(question)).toBeUndefined();
  });
});
