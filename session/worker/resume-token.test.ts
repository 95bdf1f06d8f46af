import { describe, expect, test } from '@jest/globals';
import { mintResumeToken, tokenKeyBytes, verifyResumeToken } from './resume-token.js';

const key = Buffer.alloc(tokenKeyBytes, 1);

describe('a resume token', () => {
  test('proves its session and epoch', () => {
    const token = mintResumeToken(key, 'session', 2 ** 40 + 5);
    expect(verifyResumeToken(key, 'session', token)).toEqual({ kind: 'valid', epoch: 2 ** 40 + 5 });
  });

  test('is worth nothing for another session or another key', () => {
    const token = mintResumeToken(key, 'session', 1);
    expect(verifyResumeToken(key, 'other', token)).toEqual({ kind: 'invalid' });
    expect(verifyResumeToken(Buffer.alloc(tokenKeyBytes, 2), 'session', token)).toEqual({ kind: 'invalid' });
  });

  test('is worth nothing when any byte is changed, or it is cut or longer', () => {
    const token = mintResumeToken(key, 'session', 1);
    for (let place = 0; place < token.length; place += 1) {
      const changed = Buffer.from(token);
      changed[place] = (changed[place] ?? 0) ^ 1;
      expect(verifyResumeToken(key, 'session', changed)).toEqual({ kind: 'invalid' });
    }
    expect(verifyResumeToken(key, 'session', token.subarray(1))).toEqual({ kind: 'invalid' });
    expect(verifyResumeToken(key, 'session', Buffer.concat([token, Buffer.alloc(1)]))).toEqual({ kind: 'invalid' });
  });

  test('that is empty is told from one that is wrong', () => {
    expect(verifyResumeToken(key, 'session', new Uint8Array(0))).toEqual({ kind: 'absent' });
  });
});
