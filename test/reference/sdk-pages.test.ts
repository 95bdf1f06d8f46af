import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from '@jest/globals';

interface Filled {
  /** Of what has a table there. */
  readonly names: readonly string[];
  readonly exported: readonly string[];
  readonly text: string;
}

describe.each(['docs/reference/client-sdk.md', 'docs/reference/panel-sdk.md'])('%s', (page) => {
  let filled: Filled;
  beforeAll(async () => {
    const path = '../../scripts/sdk-reference.mjs';
    const script = (await import(path)) as { filled(page: string): Filled };
    filled = script.filled(page);
  });

  test('has the tables that are made of the types: else run node scripts/sdk-reference.mjs', () => {
    expect(readFileSync(page, 'utf8')).toBe(filled.text);
  });

  test('has everything that is exported, once', () => {
    expect([...filled.names].sort()).toEqual([...filled.exported].sort());
    expect(filled.exported.length).toBeGreaterThan(10);
  });
});
