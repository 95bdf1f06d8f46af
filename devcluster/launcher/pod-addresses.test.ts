import { describe, expect, test } from '@jest/globals';
import { nodeAddress, podAddresses } from '../host/loopback-subnet.js';
import { choosePodAddress } from './pod-addresses.js';

const addresses = podAddresses('127.1.2', 0);
const [own, second, third] = addresses;
const needs = { taken: new Set<string>(), hostNetwork: undefined, before: undefined };

describe('the address of a pod', () => {
  test("is the node's own one, and another one beside a pod that has it", () => {
    expect(choosePodAddress(addresses, needs)).toBe(own);
    expect(choosePodAddress(addresses, { ...needs, taken: new Set([own]) })).toBe(second);
    expect(choosePodAddress(addresses, { ...needs, taken: new Set([own, second!]) })).toBe(third);
  });

  test('stays that of before, unless somebody has it', () => {
    const before = { ...needs, before: third };
    expect(choosePodAddress(addresses, before)).toBe(third);
    expect(choosePodAddress(addresses, { ...before, taken: new Set([own, third!]) })).toBe(second);
  });

  test("is the node's own one on the network of the host, and where all are taken", () => {
    const taken = new Set(addresses);
    expect(choosePodAddress(addresses, { ...needs, taken })).toBe(own);
    expect(choosePodAddress(addresses, { ...needs, taken: new Set([own]), hostNetwork: true })).toBe(own);
  });

  test('is no other node’s', () => {
    const all = Array.from({ length: 20 }, (_, index) => podAddresses('127.1.2', index));
    expect(all.map(([first]) => first)).toEqual(all.map((_, index) => nodeAddress('127.1.2', index)));
    expect(new Set(all.flat()).size).toBe(all.flat().length);
    for (const each of all) expect(each.length).toBeGreaterThan(10);
    for (const address of all.flat()) expect(Number(address.split('.').at(-1))).toBeLessThanOrEqual(254);
  });
});
