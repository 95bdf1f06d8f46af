import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { agentConfigKeys } from '#agent/config/config.js';

test('docs/reference/configuration.md describes every key of the agent, and no other', () => {
  const text = readFileSync(new URL('../../docs/reference/configuration.md', import.meta.url), 'utf8');
  const keys = text.slice(0, text.indexOf('## Identities'));
  const described = [...keys.matchAll(/^\| `([A-Za-z[\].]+)` \|/gm)].map((match) => match[1]);
  expect([...described].sort()).toEqual(agentConfigKeys());
});
