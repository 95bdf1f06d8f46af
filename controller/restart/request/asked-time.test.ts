import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { askedTime } from './asked-time.js';

const nowMs = Date.parse('2026-11-28T12:00:00Z');
const at = (iso: string) => ({ kind: 'at', ms: Date.parse(iso) });

describe('the value of a request', () => {
  test.each([
    ['2099-01-01T03:00:00Z', '2099-01-01T03:00:00Z'],
    ['2099-01-01t03:00:00z', '2099-01-01T03:00:00Z'],
    ['2099-01-01 03:00:00Z', '2099-01-01T03:00:00Z'],
    [' 2099-01-01T03:00:00Z ', '2099-01-01T03:00:00Z'],
    ['2099-01-01T03:00:00.123456789Z', '2099-01-01T03:00:00.123Z'],
    ['2099-01-01T03:00:00,5Z', '2099-01-01T03:00:00.500Z'],
    ['2099-01-01T03:00:00+02:00', '2099-01-01T01:00:00Z'],
    ['2099-01-01T03:00:00+0000', '2099-01-01T03:00:00Z'],
    ['2099-01-01T03:00:00-0530', '2099-01-01T08:30:00Z'],
    ['2099-01-01T03:00:00+02', '2099-01-01T01:00:00Z'],
    ['2099-01-01T03:00:00-00:00', '2099-01-01T03:00:00Z'],
    ['2098-12-31T23:59:60Z', '2099-01-01T00:00:00Z'],
    ['2096-02-29T00:00:00Z', '2096-02-29T00:00:00Z'],
    ['2020-01-01T00:00:00Z', '2020-01-01T00:00:00Z'],
  ])('%s is a time', (value, iso) => {
    expect(askedTime(value, nowMs)).toEqual(at(iso));
  });

  test.each([
    '2099-01-01 03:00',
    '2099-W05-6',
    '2099W056',
    '2099-365',
    '+002099-01-31T10:00:00Z',
    '"2099-01-31T10:00:00Z"',
    '\u200b2099-01-31T10:00:00Z',
    '2099\u201101\u201131T10:00:00Z',
    '\uff12\uff10\uff19\uff19-01-31T10:00:00Z',
    '\u0662\u0660\u0669\u0669-01-31T10:00:00Z',
    '20990131T100000+0100',
    '20990131100000',
    '209901311000',
    '@4099999999',
    '31-Jan-2099',
    '2099/Jan/31',
    'Jan 31',
    'Monday',
    '1h30m',
    '1h 30m',
    '10 minutes from now',
    'half an hour',
    '2 months',
    '1900000000.5',
    '2099-01-01T03:00',
    '2099-01-01T03:00:00',
    '2099-01-01T03:00Z',
    '2099-01-01',
    '2099/01/01 03:00',
    '01.02.2099',
    '1/2/99',
    '20990101T030000Z',
    '20990101',
    '2099-02-30T00:00:00Z',
    '2099-13-01T00:00:00Z',
    '2099-01-01T24:00:00Z',
    '2099-01-01T03:00:00+24:00',
    '2099-01-01T03:00:00 UTC',
    '2099-01-01T03:00:00Europe/Berlin',
    '03:00',
    '3:00 am',
    '3am',
    '12:30:00',
    '+1h',
    'in 5 minutes',
    '90s',
    '10 min',
    'PT1H',
    'P1D',
    'at 5',
    'next friday',
    'tomorrow 3am',
    'Fri Nov 28 14:15:42 UTC 2036',
    'Fri, 28 Nov 2036 14:15:42 +0000',
    '28 Nov 2036',
    'Nov 28 2036',
    String(Math.floor(nowMs / 1000) + 3600),
    String(nowMs + 3_600_000),
    `@${Math.floor(nowMs / 1000) + 3600}`,
    `${nowMs + 3_600_000}000000`,
  ])('%s is a time that nobody can be sure of', (value) => {
    expect(askedTime(value, nowMs)).toEqual({ kind: 'unclear' });
  });

  test.each([
    'now',
    'a',
    '1',
    '42',
    'v1.2.3',
    '1.2.3',
    'release-2026-11-28',
    'because of 12:30',
    'f3a9c1d',
    '6f9619ff-8b86-d011-b42d-00c04fc964ff',
    'Saturday-fix',
    'maybe',
    'second',
    'march',
    // What people write to have another value each time.
    String(Math.floor(nowMs / 1000)),
    String(nowMs),
    `${nowMs}000000`,
    'Sat Nov 28 11:59:59 UTC 2026',
    'Sat Nov 28 2026 11:59:59 GMT+0000',
  ])('%s is a value like any other', (value) => {
    expect(askedTime(value, nowMs)).toEqual({ kind: 'none' });
  });

  test('every time that JavaScript writes is read as that time', () => {
    const years = { min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59Z') };
    fc.assert(
      fc.property(fc.date({ ...years, noInvalidDate: true }), (date) => {
        expect(askedTime(date.toISOString(), nowMs)).toEqual({ kind: 'at', ms: date.getTime() });
      }),
    );
  });
});
