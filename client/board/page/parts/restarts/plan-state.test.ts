import { expect, test } from '@jest/globals';
import type { BoardRequests } from '../../link/board-requests.js';
import { PlanState } from './plan-state.js';

class Requests implements BoardRequests {
  readonly asked: string[] = [];
  refusal = '';
  plan = () => this.#ask('plan', { text: 'nothing is lost', podsText: '3 pods' });
  restart = () => this.#ask('restart', undefined);
  change = () => this.#ask('change', undefined);

  #ask<T>(what: string, answer: T): Promise<T> {
    this.asked.push(what);
    return this.refusal === '' ? Promise.resolve(answer) : Promise.reject(new Error(this.refusal));
  }
}

test('nothing is restarted before there is a plan of it', async () => {
  const requests = new Requests();
  const state = new PlanState(requests, 'agents');
  await state.start();
  expect(requests.asked).toEqual([]);
  expect(await state.make()).toBe(true);
  expect(state.answer?.podsText).toBe('3 pods');
  state.target.value = 'hosts';
  expect(state.answer).toBeNull();
  await state.start();
  expect(requests.asked).toEqual(['plan']);
  state.target.value = 'agents';
  expect(await state.start()).toBe(true);
  expect(requests.asked).toEqual(['plan', 'restart']);
});

test('a refusal is told until it is tried again, and two tries are one', async () => {
  const requests = new Requests();
  const state = new PlanState(requests, 'agents');
  requests.refusal = 'you may not';
  expect(await Promise.all([state.make(), state.make()])).toEqual([false, false]);
  expect([state.refusal.value, state.isBusy.value, requests.asked.length]).toEqual(['you may not', false, 1]);
  requests.refusal = '';
  await state.make();
  expect(state.refusal.value).toBe('');
});
