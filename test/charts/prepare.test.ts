import { spawnSync } from 'node:child_process';
import { chownSync, chmodSync, lstatSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { containersOf, podOf, render } from './chart.js';

// Only root can do what it does, and setpriv takes from it what the container does not have.
const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

jest.setTimeout(60_000);

asRoot('the container that prepares the directories of a node', () => {
  const own = ['state', 'run', 'sessions-terminal'];
  let dir: string;

  /** Runs what the chart says, with the directories of a test in the place of its mounts. */
  const prepare = (values: object = {}): { code: number | null; stderr: string } => {
    const host = podOf(render({ values }).get('DaemonSet', 'panelet-host'))!;
    const [shell = '', flags = '', script = ''] = containersOf(host).find(({ name }) => name === 'prepare')!.command!;
    const here = script.replaceAll('/prepare/', `${dir}/prepare/`).replaceAll('/owners/', `${dir}/owners/`);
    const only = ['--bounding-set', '-all,+chown', '--inh-caps', '-all', '--no-new-privs', '--'];
    const { status, stderr } = spawnSync('/usr/bin/setpriv', [...only, shell, flags, here], { encoding: 'utf8' });
    return { code: status, stderr };
  };
  const make = (path: string, uid = 0, mode = 0o755): void => {
    mkdirSync(join(dir, path), { recursive: true });
    chmodSync(join(dir, path), mode);
    chownSync(join(dir, path), uid, uid);
  };
  const look = (path: string): string => {
    const { mode, uid, gid } = lstatSync(join(dir, path));
    return `${(mode & 0o7777).toString(8)} ${uid}:${gid}`;
  };

  beforeEach(() => {
    dir = mkdtempSync('/tmp/pp-');
    for (const name of own) make(`prepare/${name}`);
    for (const name of ['homes', 'tmp', 'names']) make(`owners/${name}`);
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  test('gives them to the programs, with the capability CHOWN alone, and changes nothing when they are', () => {
    for (let starts = 0; starts < 2; starts++) {
      expect(prepare()).toEqual({ code: 0, stderr: '' });
      for (const name of own) expect(look(`prepare/${name}`)).toBe('700 65532:65532');
      expect(look('owners/homes')).toBe('711 65532:65532');
      expect(look('owners/tmp')).toBe('1777 0:0');
      for (const name of ['passwd', 'group']) expect(look(`owners/names/${name}`)).toBe('644 65532:65532');
    }
  });

  test('refuses HOMEs of another uid before it gives anything', () => {
    make('owners/homes', 1234, 0o711);
    expect(prepare()).toMatchObject({ code: 1, stderr: expect.stringMatching(/homes belongs to the uid 1234/) as unknown });
    expect(look('prepare/state')).toBe('755 0:0');
  });

  test('puts a mode right that somebody has changed', () => {
    make('prepare/state', 65532, 0o777);
    expect(prepare()).toEqual({ code: 0, stderr: '' });
    expect(look('prepare/state')).toBe('700 65532:65532');
  });

  test('refuses those of another uid, says which value to set, and leaves them alone', () => {
    make('prepare/state', 1234, 0o700);
    const { code, stderr } = prepare();
    expect(code).toBe(1);
    expect(stderr).toBe(
      `${dir}/prepare/state belongs to the uid 1234 and the value uid is 65532. Set uid=1234, or remove the node's directories.\n`,
    );
    expect(look('prepare/state')).toBe('700 1234:1234');
    // The others are looked at before and are root's still, so that the value can be set.
    expect([look('prepare/run'), look('owners/homes')]).toEqual(['755 0:0', '755 0:0']);
    expect(prepare({ uid: 1234 })).toEqual({ code: 0, stderr: '' });
    expect([look('prepare/state'), look('prepare/run')]).toEqual(['700 1234:1234', '700 1234:1234']);
  });
});
