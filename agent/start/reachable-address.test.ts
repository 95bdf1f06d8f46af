import { expect, test } from '@jest/globals';
import { reachableAddress } from './reachable-address.js';

test.each([
  ['0.0.0.0', 7443, '10.1.2.3', '10.1.2.3:7443'],
  ['::', 7443, 'fd00::3', '[fd00::3]:7443'],
  ['10.1.2.3', 7443, undefined, '10.1.2.3:7443'],
  ['::', 7443, undefined, ''],
  ['127.0.0.1', 0, undefined, ''],
])('an agent that listens at %s, port %i, in a pod at %s is reached at "%s"', (host, port, podIp, address) => {
  expect(reachableAddress({ host, port }, podIp)).toBe(address);
});
