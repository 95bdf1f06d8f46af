import { runInNewContext } from 'node:vm';
import { expect, jest, test } from '@jest/globals';
import { errorCodes, isPaneletError, messageOf, PaneletError } from './errors.js';

test('keeps a PaneletError as it is and wraps anything else with its cause', () => {
  const own = new PaneletError('CORDONED', 'The gate is cordoned.');
  expect(PaneletError.from(own)).toBe(own);
  const cause = new TypeError('boom');
  const wrapped = PaneletError.from(cause, 'TRANSPORT_LOST');
  expect(wrapped).toMatchObject({ code: 'TRANSPORT_LOST', message: 'boom', cause });
  expect(PaneletError.from('text')).toMatchObject({ code: 'INTERNAL', message: 'text' });
});

test('is recognised by code', () => {
  const error: unknown = new PaneletError('FENCED', 'Older than the last command.');
  expect(isPaneletError(error)).toBe(true);
  expect(isPaneletError(error, 'FENCED')).toBe(true);
  expect(isPaneletError(error, 'CORDONED')).toBe(false);
  expect(isPaneletError(new Error('x'))).toBe(false);
});

test('is recognised where another copy of the class has made it', async () => {
  let other: unknown;
  await jest.isolateModulesAsync(async () => {
    const copy = await import('./errors.js');
    other = new copy.PaneletError('FENCED', 'Older than the last command.');
  });
  expect(other instanceof PaneletError).toBe(false);
  expect(isPaneletError(other, 'FENCED')).toBe(true);
  expect(PaneletError.from(other)).toBe(other);
  expect(isPaneletError({ name: 'PaneletError', code: 'FENCED' })).toBe(false);
});

test('codes are listed once, in order', () => {
  expect([...errorCodes]).toEqual([...new Set(errorCodes)].sort());
});

test.each([
  [new TypeError('no such thing'), 'no such thing'],
  [runInNewContext('new Error("of another realm")') as unknown, 'of another realm'],
  ['a word', 'a word'],
  [undefined, 'undefined'],
  [null, 'null'],
])('%s says something', (thrown: unknown, said) => {
  expect(messageOf(thrown)).toBe(said);
});
