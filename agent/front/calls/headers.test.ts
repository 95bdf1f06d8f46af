import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { encodeIdentity, workerIdentity } from './headers.js';

describe('an identity for a worker', () => {
  test('is the name itself for every name that an identity file may have', () => {
    for (const name of ['alice', 'a.b-c_d@e:f', 'system:serviceaccount:ns:name'])
      expect(encodeIdentity(name)).toBe(name);
  });

  test('fits into a header, and is never that of another name', () => {
    const name = fc.oneof(fc.string({ unit: 'binary', maxLength: 20 }), fc.string({ maxLength: 600 }));
    fc.assert(
      fc.property(name, name, (one, other) => {
        expect(encodeIdentity(one)).toMatch(/^[\x21-\x7e]{0,1024}$/);
        if (one === other) return;
        expect(encodeIdentity(one)).not.toBe(encodeIdentity(other));
      }),
    );
    // JSON may hold halves of characters, which are the same bytes of UTF-8.
    expect(new Set(['\ud800', '\ud801', '\ufffd'].map(encodeIdentity)).size).toBe(3);
    const long = 'x'.repeat(2_000);
    expect(encodeIdentity(long)).not.toBe(encodeIdentity(`${long}y`));
    expect(encodeIdentity(long)).toHaveLength(72);
  });

  test('has a line break as text, never as a line break', () => {
    expect(encodeIdentity('a\r\npanelet-roles: admin')).toBe('a%0D%0Apanelet-roles:%20admin');
  });

  test('is an administrator only when that was decided', () => {
    const admin = { name: 'root', roles: ['admin'] } as const;
    expect(workerIdentity(admin, false)['panelet-roles']).toBe('client');
    expect(workerIdentity(admin, true)['panelet-roles']).toBe('client,admin');
  });
});
