import { describe, expect, test } from '@jest/globals';

import { parseListenAddress } from './listen-address.js';

describe('an address to listen on', () => {
  test.each([
    ['8080', '::', 8080],
    [':8080', '::', 8080],
    ['0.0.0.0:7080', '0.0.0.0', 7080],
    ['[::]:7080', '::', 7080],
    ['[fd00::1]:0', 'fd00::1', 0],
    ['localhost:1', 'localhost', 1],
  ])('%s', (text, host, port) => {
    expect(parseListenAddress('--x', text)).toEqual({ host, port });
  });

  test.each(['', 'here', 'here:', ':70000', ':-1'])('is not %j', (text) => {
    expect(() => parseListenAddress('--x', text)).toThrow('--x is');
  });
});
