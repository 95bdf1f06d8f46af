import { describe, expect, test } from '@jest/globals';
import { credentialsFor } from './endpoint-address.js';

describe('an address', () => {
  test.each(['127.0.0.1:7443', '127.5.6.7:1', 'localhost:7443', '[::1]:7443', 'unix:/run/x.sock'])(
    '%s is this machine: no TLS',
    (address) => expect(credentialsFor(address, 'auto')._isSecure()).toBe(false),
  );

  test.each(['10.0.0.1:7443', 'agent.example:443', '[fd00::1]:7443', '127.0.0.1.example:7443'])(
    '%s is another machine: a token never travels there in plaintext',
    (address) => expect(credentialsFor(address, 'auto')._isSecure()).toBe(true),
  );

  test('is plaintext anywhere when asked for, and TLS here when asked for', () => {
    expect(credentialsFor('10.0.0.1:7443', 'plaintext')._isSecure()).toBe(false);
    expect(credentialsFor('127.0.0.1:7443', {})._isSecure()).toBe(true);
  });

  test.each(['', 'host', 'host:', ':1', 'host:0', 'host:70000', 'http://host:1', 'a b:1'])(
    '"%s" is refused',
    (address) => {
      expect(() => credentialsFor(address, 'auto')).toThrow(/is not of the form host:port/);
    },
  );
});
