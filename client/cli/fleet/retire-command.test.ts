import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { startCli, type CliRun } from '#test/support/cli-run.js';

// Notes how it is called, and knows two pods that retire, on two nodes.
const fakeKubectl = `#!/bin/sh
echo "$@" >> "$CALLS"
[ "$1" = get ] && cat <<'END'
{"items": [
  {"metadata": {"name": "host-1", "annotations": {"panelet.dev/retire-at": "2027-01-01T00:00:00Z"}}, "spec": {"nodeName": "a"}},
  {"metadata": {"name": "host-2"}, "spec": {"nodeName": "b"}}
]}
END
exit 0
`;

describe('retire', () => {
  let dir: string;
  let ran: CliRun;
  const run = (...args: string[]): Promise<number> => {
    const env = { PATH: `${dir}:/usr/bin:/bin`, CALLS: join(dir, 'calls') };
    ran = startCli(['retire', ...args, '-n', 'n'], { env, homeDir: dir, clock: createFakeClock() });
    return ran.ended;
  };
  const annotated = async (): Promise<string[]> =>
    (await readFile(join(dir, 'calls'), 'utf8')).split('\n').filter((line) => line.startsWith('annotate'));

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'panelet-kubectl-'));
    await writeFile(join(dir, 'kubectl'), fakeKubectl);
    await chmod(join(dir, 'kubectl'), 0o755);
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  test('shows which pods retire, and until when, and changes nothing', async () => {
    expect(await run()).toBe(0);
    expect(ran.text).toMatch(/host-1 +a +2027-01-01T00:00:00Z/);
    expect(ran.text).toMatch(/host-2 +b +never/);
    expect(await annotated()).toEqual([]);
  });

  test('says of a pod that it has to go after a notice, or of a node when', async () => {
    expect(await run('host-2', '--now')).toBe(0);
    expect(await run('--node', 'a', '--at', '2027-06-01T12:00:00+02:00')).toBe(0);
    expect(await run('host-1', '--at', 'never')).toBe(0);
    expect(await annotated()).toEqual([
      expect.stringMatching(/^annotate pod host-2 panelet.dev\/retire-at=1970-01-01T00:00:10Z --overwrite -n n/),
      expect.stringMatching(/^annotate pod host-1 panelet.dev\/retire-at=2027-06-01T10:00:00Z --overwrite -n n/),
      expect.stringMatching(/^annotate pod host-1 panelet.dev\/retire-at=never --overwrite -n n/),
    ]);
  });

  test.each([
    [['--now'], 'Say which'],
    [['host-1', '--now', '--at', 'never'], 'not both'],
    [['host-1', '--at', 'tomorrow'], 'no time'],
    [['host-3', '--now'], 'host-3'],
  ])('does not take %j', async (args, said) => {
    expect(await run(...args)).not.toBe(0);
    expect(ran.text).toContain(said);
    expect(await annotated().catch(() => [])).toEqual([]);
  });
});
