import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';

const guide = readFileSync('docs/guide/a-client-in-20-lines.md', 'utf8');
const block = (language: string): string =>
  new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'm').exec(guide)?.[1] ?? '';

// That these do what the guide says, test/integration/clients-of-strangers.test.ts shows.
describe('the guide to a client in 20 lines', () => {
  test.each([
    ['js', 'examples/client-typescript/cat.js'],
    ['python', 'examples/client-python/cat.py'],
    ['go', 'examples/client-go/cat/main.go'],
  ])('shows the example in %s as it is', (language, file) => {
    expect(block(language)).toBe(readFileSync(file, 'utf8'));
  });
});
