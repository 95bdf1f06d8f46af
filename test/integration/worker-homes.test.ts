import { existsSync, lstatSync, readdirSync } from 'node:fs';
import { chmod, lstat, mkdtemp, readFile, readdir, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { waitFor } from '#test/support/wait-for.js';
import { TextClient } from '#test/support/text-client.js';
import { spawnWorker, type WorkerProcess } from '#test/support/worker-process.js';

// Only root can start programs as others.
const asRoot = process.getuid?.() === 0 ? describe : describe.skip;
// Of no other test: who ends the processes of a uid ends those of all workers on this machine.
const uids = 'uids={"first":120000,"count":10}';
const long = new Date('2020-01-01T00:00:00Z');

jest.setTimeout(60_000);

asRoot('HOMEs and the days that they are kept', () => {
  let dir: string;
  let worker: WorkerProcess;
  const clients: TextClient[] = [];

  const start = async (days: string): Promise<void> => {
    const args = ['--target', 'host', '--parameter', uids, '--parameter', `homesKeepDays=${days}`];
    worker = spawnWorker({ dir, panel: 'terminal', args });
    await worker.ready;
  };
  /** Runs a script in a terminal of somebody's. @returns his uid, and what ends the session */
  const open = async (identity: string, script: string): Promise<{ uid: string; end: () => Promise<void> }> => {
    const args = JSON.stringify(['-c', `${script}; echo "<$(id -u)>"; read line`]);
    const client = new TextClient({
      ...{ socket: worker.socket, panel: 'terminal', identity },
      parameters: { command: '/bin/sh', args },
    });
    clients.push(client);
    await client.attach();
    const [, uid = ''] = await client.shows(/<(\d+)>/);
    const end = async (): Promise<void> => {
      client.type('\n');
      await client.over();
    };
    return { uid, end };
  };
  const homeOf = (uid: string): string => join(dir, 'state', 'homes', uid);
  const markOf = (uid: string): string => join(dir, 'state', 'owners', `${uid}.used`);

  beforeEach(async () => {
    // Directly in /tmp: owners must be able to pass, and those of the tests are closed.
    dir = await mkdtemp('/tmp/pw-homes-');
    await chmod(dir, 0o711);
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close();
    await worker.end();
    await rm(dir, { recursive: true, force: true });
  });

  test('that of an owner who stayed away goes, those of a stored session and of a recent one stay', async () => {
    await start('0');
    const bob = await open('bob', 'echo bobs >"$HOME/mine"; chmod 755 "$HOME"; chmod 644 "$HOME/mine"');
    const link = `ln -s ${homeOf(bob.uid)}/mine "$HOME/link"; ln -s ${homeOf(bob.uid)} "$HOME/links"`;
    const ann = await open('ann', `mkdir -p "$HOME/a/b"; touch "$HOME/a/b/c"; ${link}; chmod 0 "$HOME/a/b" "$HOME/a"`);
    const cy = await open('cy', 'touch "$HOME/mine"');
    for (const { end } of [ann, cy]) await end();
    const sessions = join(dir, 'state', 'sessions', 'terminal');
    const left = (): readonly string[] => readdirSync(sessions).filter((name) => !['lock', 'instances'].includes(name));
    await waitFor('one session is left', () => left().length === 1);
    // Bob's session is on storage when its worker is killed.
    await worker.end();
    await utimes(markOf(ann.uid), long, long);
    await utimes(markOf(bob.uid), long, long);

    await start('30');
    await waitFor('the HOME is gone', () => !existsSync(homeOf(ann.uid)) && !existsSync(`${homeOf(ann.uid)}.removed`));
    await waitFor('his session is noted', () => lstatSync(markOf(bob.uid)).mtimeMs > long.getTime());
    expect((await readdir(join(dir, 'state', 'homes'))).sort()).toEqual([bob.uid, cy.uid].sort());
    expect(await readFile(join(homeOf(bob.uid), 'mine'), 'utf8')).toBe('bobs\n');
    expect((await lstat(homeOf(bob.uid))).mode & 0o777).toBe(0o755);
    // Ann keeps her uid, and gets an empty HOME.
    const again = await open('ann', 'rmdir "$HOME" 2>/dev/null; cd "$HOME" && ls -A');
    expect(again.uid).toBe(ann.uid);
    expect(await readdir(homeOf(ann.uid))).toEqual([]);
  });

  test('nothing is removed without a number of days, and a wrong one is refused', async () => {
    await start('0');
    const [ann, bob] = [await open('ann', 'touch "$HOME/mine"'), await open('bob', 'true')];
    for (const { end } of [ann, bob]) await end();
    await worker.end();
    await utimes(markOf(ann.uid), long, long);
    await rm(markOf(bob.uid));
    await start('0');
    await waitFor('the owner after her was looked at', () => existsSync(markOf(bob.uid)));
    expect(existsSync(join(homeOf(ann.uid), 'mine'))).toBe(true);
    await worker.end();
    worker = spawnWorker({ dir, panel: 'terminal', args: ['--parameter', 'homesKeepDays=soon'] });
    expect(await worker.exited).toMatchObject({ code: 2 });
    expect(worker.stderr()).toContain('"homesKeepDays"');
  });
});
