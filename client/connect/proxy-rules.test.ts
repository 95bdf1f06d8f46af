import { describe, expect, test } from '@jest/globals';
import { mayUseProxy } from './proxy-rules.js';

describe('a proxy of the environment', () => {
  test.each(['127.0.0.1:7443', '127.9.8.7:1', 'localhost:7443', '[::1]:7443', 'unix:/run/agent.sock', 'a.localhost:1'])(
    'is never used to %s',
    (address) => {
      expect(mayUseProxy(address, {})).toBe(false);
    },
  );

  test.each([
    ['10.0.0.7:7443', '10.0.0.0/8'],
    ['10.0.0.7:7443', '10.0.0.7'],
    ['10.0.0.7:7443', 'a.b, 10.0.0.7:7443'],
    ['[fd00::7]:7443', 'fd00::/8'],
    ['[fd00::7]:7443', '[fd00::7]:7443'],
    ['agent.example.org:7443', 'example.org'],
    ['example.org:7443', 'EXAMPLE.org'],
    ['agent.example.org:7443', '.example.org'],
    ['agent.example.org:7443', '*.example.org'],
    ['agent.example.org:7443', 'agent.example.org:7443'],
    ['anything:1', '*'],
  ])('is not used to %s with NO_PROXY %s', (address, list) => {
    expect(mayUseProxy(address, { NO_PROXY: list })).toBe(false);
    expect(mayUseProxy(address, { no_proxy: list })).toBe(false);
  });

  test.each([
    ['10.0.0.7:7443', ''],
    ['11.0.0.7:7443', '10.0.0.0/8'],
    ['10.0.0.7:7443', '10.0.0.7:80'],
    ['example.org:7443', '.example.org'],
    ['badexample.org:7443', 'example.org'],
    ['10.0.0.7:7443', 'fd00::/8, 10.0.0.0/99, /, ,'],
    ['agent:7443', 'agent:80'],
  ])('may be used to %s with NO_PROXY "%s"', (address, list) => {
    expect(mayUseProxy(address, { NO_PROXY: list })).toBe(true);
  });
});
