import { execFileSync } from 'node:child_process';
import { describe, expect, test } from '@jest/globals';
import { quoteForShell, tryText } from './try-text.js';

describe('what to try', () => {
  test.each(['plain', 'two words', "it's", '$HOME `x` "y"', ''])('quotes %j so that a shell reads it back', (word) => {
    const read = execFileSync('/bin/sh', ['-c', `printf %s ${quoteForShell(word)}`]).toString();
    expect(read).toBe(word);
  });

  test('is valid shell, even in a directory with a space', () => {
    const text = tryText({
      dir: '/tmp/a b',
      kubeconfig: '/tmp/a b/kubeconfig',
      apiUrl: 'https://127.0.0.1:1',
      nodes: [{ name: 'node-a', agentAddress: '127.1.2.10:7443' }],
      clientTokenFile: '/tmp/a b/tokens/alice',
      operatorTokenFile: '/tmp/a b/tokens/admin',
      cli: 'node /x/panelet.js',
      kubectl: '/a b/kubectl',
    });
    const commands = text.split('\n').filter((line) => line.startsWith('  ') && !/^ {2}node-/.test(line));
    execFileSync('/bin/sh', ['-n'], { input: commands.join('\n') });
    expect(text).toContain("export KUBECONFIG='/tmp/a b/kubeconfig'");
    expect(text).toContain(`kubectl() { '/a b/kubectl' "$@"; }`);
  });
});
