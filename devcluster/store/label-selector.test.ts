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

  test.each([
    ['app=web=x', "found '=', expected: ',' or 'end of string'"],
    ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ['=web', "found '=', expected: !, identifier, or 'end of string'"],
    ['app in web', "unable to parse requirement: found 'web' expected: '('"],
    ['app in (web', "unable to parse requirement: found '', expected: ',' or ')'"],
    ['app=(', "unable to parse requirement: found '(', expected: identifier"],
    ['app=web,,tier', "found ',', expected: identifier after ','"],
    ['app in (web,-)', 'unable to parse requirement: values[0][app]: Invalid value: "-": a valid label must be'],
  ])('%j is refused', (selector, why) => {
    expect(() => parseLabelSelector(selector)).toThrow(why);
  });

  test('matches objects without labels when it asks for none', () => {
    expect(parseLabelSelector('!app')(undefined)).toBe(true);
    expect(parseLabelSelector('app')(undefined)).toBe(false);
  });
});
