import { describe, expect, test } from '@jest/globals';
import { programOf, sizesIn } from './memory.js';

describe('what a process is and holds', () => {
  test.each([
    [['/usr/bin/node', '/opt/panelet/bin/panelet-agent.js', '--config', 'a.yaml'], 'agent'],
    [['node', 'dist/bin/panelet-worker.js', '--panel', 'echo', '--socket', 's'], 'worker echo'],
    [['node', 'dist/bin/panelet-worker.js', '--panel=logs'], 'worker logs'],
    [['node', 'panelet.js', 'version'], 'panelet'],
    [['vim', 'panelet-agent.md'], undefined],
  ])('%j', (args, program) => expect(programOf(args)).toBe(program));

  test('reads sizes', () => {
    const text = 'x\nRss:      100 kB\nPss:  60 kB\nPrivate_Clean:   10 kB\nPrivate_Dirty:   30 kB\n';
    expect(sizesIn(text)).toEqual({ rss: 102_400, own: 40_960 });
  });
});
