import { describe, expect, test } from '@jest/globals';
import { parseLabelSelector } from './label-selector.js';

const labels = { app: 'web', tier: 'front', 'panelet.dev/node': 'a' };

describe('a label selector', () => {
  test.each([
    '',
    'app=web',
    'app==web',
    'app!=db',
    'app',
    '!gone',
    'gone!=x',
    'app in (db, web)',
    'app notin (db,cache)',
    'gone notin (x)',
    'app=web,tier in (front),panelet.dev/node=a',
  ])('%j matches', (selector) => {
    expect(parseLabelSelector(selector)(labels)).toBe(true);
  });

  test.each(['app=db', 'app!=web', '!app', 'gone', 'app in (db)', 'app notin (web)', 'app=web,tier=back', 'gone='])(
    '%j does not match',
    (selector) => {
      expect(parseLabelSelector(selector)(labels)).toBe(false);
    },
  );

  test.each(['app=web=x', 'a b', '=web', 'app in web', 'app=-'])('%j is refused', (selector) => {
    expect(() => parseLabelSelector(selector)).toThrow(/label selector/);
  });

  test('matches objects without labels when it asks for none', () => {
    expect(parseLabelSelector('!app')(undefined)).toBe(true);
    expect(parseLabelSelector('app')(undefined)).toBe(false);
  });
});
