import { execFileSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { tryText } from './try-text.js';

test('what to try is valid shell, even in a directory with a space', () => {
  const text = tryText({
    dir: '/tmp/a b',
    apiUrl: 'https://127.0.0.1:1',
    nodes: [{ name: 'node-a', agentAddress: '127.1.2.10:7443' }],
    environmentCommand: "node /x/panelet-devcluster.js env --dir '/tmp/a b'",
    environmentDirectory: '/a b',
    kubectlNote: 'kubectl is another one',
  });
  const commands = text.split('\n').filter((line) => line.startsWith('  ') && !/^ {2}node-/.test(line));
  execFileSync('/bin/sh', ['-n'], { input: commands.join('\n') });
  expect(text).toContain(`  eval "$(node /x/panelet-devcluster.js env --dir '/tmp/a b')"\n`);
  const wide = text.split('\n').filter((line) => line.length > 80);
  expect(wide).toEqual([]);
  expect(text).toMatch(/In another terminal, in \/a b:\n/);
});
