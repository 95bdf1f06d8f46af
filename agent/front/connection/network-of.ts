import { isIPv6 } from 'node:net';

const groups = 8;
const groupsOfNetwork = 4;
const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/**
 * The network that an address counts as when room is shared: an IPv4 address itself, of an IPv6 address the first 64 bits, for whoever
 * has one address there has 2⁶⁴ (RFC 4291, 2.5.4).
 */
export function networkOf(address: string): string {
  const [, v4] = mapped.exec(address) ?? [];
  if (v4 !== undefined) return v4;
  const [plain = ''] = address.split('%');
  if (!isIPv6(plain)) return address;
  const [head = '', tail] = plain.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  // A dotted end stands for two groups, and is none of the first four.
  const dotted = plain.includes('.') ? 1 : 0;
  const zeros = tail === undefined ? [] : Array<string>(groups - before.length - after.length - dotted).fill('0');
  const first = [...before, ...zeros, ...after].slice(0, groupsOfNetwork);
  return `${first.map((group) => parseInt(group, 16).toString(16)).join(':')}::/64`;
}
