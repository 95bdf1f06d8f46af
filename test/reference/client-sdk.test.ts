import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from '@jest/globals';

interface Reference {
  readonly exportedNames: readonly string[];
  filled(): { readonly names: readonly string[]; readonly text: string };
}

describe('docs/reference/client-sdk.md', () => {
  let reference: Reference;
  beforeAll(async () => {
    const path = '../../scripts/client-reference.mjs';
    reference = (await import(path)) as Reference;
  });

  test('has the tables that are made of the types: else run node scripts/client-reference.mjs', () => {
    expect(readFileSync('docs/reference/client-sdk.md', 'utf8')).toBe(reference.filled().text);
  });

  test('has everything that the client SDK exports, once', () => {
    expect([...reference.filled().names].sort()).toEqual([...reference.exportedNames].sort());
  });
});
