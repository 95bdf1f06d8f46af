import { execFileSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { quoteForShell } from './quote-for-shell.js';

test.each(['plain', 'two words', "it's", '$HOME `x` "y"', ''])('quotes %j so that a shell reads it back', (word) => {
  const read = execFileSync('/bin/sh', ['-c', `printf %s ${quoteForShell(word)}`]).toString();
  expect(read).toBe(word);
});
