import { expect, test } from '@jest/globals';
import { shellCommands } from './shell-commands.js';

test.each<[string, string[][]]>([
  [
    'npm ci && npm test   # both',
    [
      ['npm', 'ci'],
      ['npm', 'test'],
    ],
  ],
  ['a "b c" \'d $(e)\' f\\ g', [['a', 'b c', 'd $(e)', 'f g']]],
  ['x=$(one two | three)\nfour "$(five)" &', [['one', 'two'], ['three'], ['five'], ['four', '$()']]],
  ['export T=$(one)', [['one'], ['export', 'T=$()']]],
  [
    'eval "$(npm run -s env)"; source <(two)',
    [['npm', 'run', '-s', 'env'], ['eval', '$()'], ['two'], ['source', '$()']],
  ],
  ['a > file 2 < other b', [['a', '2', 'b']]],
  ['a --node <node> \\\n  --set b=c', [['a', '--node', 'PLACEHOLDER', '--set', 'b=c']]],
  ['uuid() { cat /proc/x; }', [['cat', '/proc/x']]],
  ['a <<END\nno $(command)\nEND\nb', [['a'], ['b']]],
  ["k --for=jsonpath='{.a\\.b/c}'=Ok:$x", [['k', '--for=jsonpath={.a\\.b/c}=Ok:$x']]],
])('%s', (script, commands) => {
  expect(shellCommands(script)).toEqual(commands);
});
