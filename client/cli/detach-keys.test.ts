import { describe, expect, test } from '@jest/globals';
import { createDetachKeys } from './detach-keys.js';

const take = (...chunks: string[]): { sent: string; detach: boolean; pending: boolean } => {
  const keys = createDetachKeys();
  let sent = '';
  let detach = false;
  for (const chunk of chunks) {
    const typed = keys.take(Buffer.from(chunk));
    sent += typed.bytes.toString();
    detach ||= typed.detach;
  }
  return { sent, detach, pending: keys.pending };
};

describe('the detach keys', () => {
  test('are ctrl-] d, in one piece or in two', () => {
    expect(take('ab\x1dd')).toEqual({ sent: 'ab', detach: true, pending: false });
    expect(take('ab\x1d', 'dxyz')).toEqual({ sent: 'ab', detach: true, pending: false });
  });

  test('are passed on when anything else follows', () => {
    expect(take('\x1d', 'x')).toEqual({ sent: '\x1dx', detach: false, pending: false });
    expect(take('\x1d\x1d')).toEqual({ sent: '\x1d', detach: false, pending: false });
    expect(take('d')).toEqual({ sent: 'd', detach: false, pending: false });
  });

  test('are given back when nothing follows', () => {
    const keys = createDetachKeys();
    keys.take(Buffer.from('\x1d'));
    expect(keys.pending).toBe(true);
    expect(keys.release().toString()).toBe('\x1d');
    expect(keys.release()).toHaveLength(0);
    expect(keys.take(Buffer.from('d')).detach).toBe(false);
  });
});
