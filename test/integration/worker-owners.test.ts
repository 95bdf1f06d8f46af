import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { TextClient } from '#test/support/text-client.js';
import { waitFor } from '#test/support/wait-for.js';
import { spawnWorker, type WorkerProcess } from '#test/support/worker-process.js';

interface Shell {
  readonly client: TextClient;
  readonly pid: number;
  /** Runs a line. @returns what it printed */
  run(line: string): Promise<string>;
}

// Only root can start programs as others.
const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

jest.setTimeout(60_000);

asRoot('a shell belongs to its owner', () => {
  let dir: string;
  let worker: WorkerProcess;
  const clients: TextClient[] = [];

  const start = async (...parameters: string[]): Promise<void> => {
    const args = parameters.flatMap((parameter) => ['--parameter', parameter]);
    worker = spawnWorker({ dir, panel: 'terminal', args: ['--target', 'host', ...args] });
    await worker.ready;
  };
  const shellOf = async (identity: string, more: Record<string, string> = {}): Promise<Shell> => {
    const parameters = { command: '/bin/sh', args: '["-i"]', 'env.PS1': '', ...more };
    const client = new TextClient({ socket: worker.socket, panel: 'terminal', identity, parameters });
    clients.push(client);
    await client.attach();
    let lines = 0;
    const run = async (line: string): Promise<string> => {
      const mark = `${identity}-${++lines}`;
      // Quoted in the middle, so that the echo of the line is not taken for its output.
      client.type(`echo "<""${mark}>"; ${line}; echo "</""${mark}>"\n`);
      const [, text = ''] = await client.shows(new RegExp(`<${mark}>\\r\\n([^]*?)</${mark}>`));
      return text.replaceAll('\r\n', '\n').trim();
    };
    return { client, run, pid: Number(await run('echo $$')) };
  };
  /** Each line succeeds when the attack does. */
  const attacksOn = async (victim: Shell): Promise<Record<string, string>> => {
    const state = join(dir, 'state');
    const session = join(state, 'sessions', 'terminal', victim.client.sessionId);
    const home = await victim.run('echo secret >"$HOME/.bash_history"; echo "$HOME"');
    const temporary = await victim.run('echo secret >"${TMPDIR:=$HOME}/file"; echo "$TMPDIR"');
    const terminal = await victim.run('tty');
    return {
      'reads the record, and with it the key of resume tokens': `cat ${session}/record.json`,
      'lists the sessions': `ls ${state}/sessions`,
      'reads the history': `cat ${home}/.bash_history`,
      'writes a profile': `touch ${home}/.bash_profile`,
      'reads the temporary files': `cat ${temporary}/file`,
      'lists who has which uid': `ls ${state}/owners`,
      'writes to the terminal': `printf '' >${terminal}`,
      'reads the terminal': `exec 9<${terminal}`,
      'signals the shell': `kill -0 ${victim.pid}`,
      'signals the worker': `kill -0 ${worker.pid}`,
      'reads the environment': `cat /proc/${victim.pid}/environ`,
      'reads the environment of the worker': `cat /proc/${worker.pid}/environ`,
      'looks into the memory, as ptrace does': `head -c 0 /proc/${victim.pid}/mem`,
      'looks at the descriptors': `ls /proc/${victim.pid}/fd`,
      'reaches the socket': `test -w ${worker.socket}`,
      'puts another socket in its place': `mv ${worker.socket} ${worker.socket}.away && mv ${worker.socket}.away ${worker.socket}`,
    };
  };
  const outcomes = async (attacker: Shell, attacks: Record<string, string>): Promise<Record<string, string>> => {
    const found: Record<string, string> = {};
    for (const [what, line] of Object.entries(attacks)) {
      found[what] = await attacker.run(`if (${line}) >/dev/null 2>&1; then echo done; else echo refused; fi`);
    }
    return found;
  };
  const all = (attacks: Record<string, string>, outcome: string): Record<string, string> =>
    Object.fromEntries(Object.keys(attacks).map((what) => [what, outcome]));

  beforeEach(async () => {
    // Directly in /tmp: owners must be able to pass, and those of the tests are closed.
    dir = await mkdtemp('/tmp/pw-owners-');
    await chmod(dir, 0o711);
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close();
    await worker.end();
    await rm(dir, { recursive: true, force: true });
  });

  test('who cannot do anything to another owner, or to the worker, and everything to himself', async () => {
    await start();
    const [alice, bob] = [await shellOf('alice'), await shellOf('bob')];
    for (const [attacker, victim] of [
      [alice, bob],
      [bob, alice],
    ] as const) {
      const attacks = await attacksOn(victim);
      expect(await outcomes(attacker, attacks)).toEqual(all(attacks, 'refused'));
      const own = [
        'reads the history',
        'writes a profile',
        'reads the temporary files',
        'writes to the terminal',
        'reads the terminal',
        'signals the shell',
        'reads the environment',
        'looks into the memory, as ptrace does',
      ];
      const found = await outcomes(victim, attacks);
      for (const what of own) expect([what, found[what]]).toEqual([what, 'done']);
    }
  });

  test('which is what allowSameUser gives up: there every one of these steps succeeds', async () => {
    await start('allowSameUser=true');
    const [alice, bob] = [await shellOf('alice', { 'env.HOME': dir }), await shellOf('bob', { 'env.HOME': dir })];
    const { 'lists who has which uid': none, ...attacks } = await attacksOn(bob);
    expect(none).toContain('owners');
    expect(await outcomes(alice, attacks)).toEqual(all(attacks, 'done'));
    expect(worker.stderr()).toContain('each can read and drive the others');
  });

  test('with no capability, group or descriptor of the worker, and a uid, HOME and TMPDIR of its own', async () => {
    await start();
    await shellOf('bob');
    const alice = await shellOf('alice');
    const again = await shellOf('alice');
    const status = await alice.run('cat /proc/$$/status');
    const uid = /^Uid:\t(\d+)\t/m.exec(status)?.[1] ?? '';
    expect(Number(uid)).toBeGreaterThanOrEqual(70_000);
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      expect(status).toMatch(new RegExp(`^${set}:\t0{16}$`, 'm'));
    expect(status).toMatch(/^Groups:\t ?$/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    expect(status).toContain(`Uid:\t${uid}\t${uid}\t${uid}\t${uid}\nGid:\t${uid}\t${uid}\t${uid}\t${uid}\n`);
    expect((await readdir(`/proc/${alice.pid}/fd`)).filter((fd) => Number(fd) > 2 && fd !== '10')).toEqual([]);
    expect(await again.run('id -u')).toBe(uid);
    expect(await alice.run('echo $USER $LOGNAME $PANELET_CALLER $PANELET_SESSION')).toBe(
      `u${uid} u${uid} alice ${alice.client.sessionId}`,
    );
    for (const name of ['HOME', 'TMPDIR']) {
      const found = await stat(await alice.run(`echo $${name}`));
      expect([found.uid, found.mode & 0o7777]).toEqual([Number(uid), 0o700]);
    }
    expect(await alice.run('pwd')).toBe(join(dir, 'state', 'homes', uid));
  });

  test('whose library to load is loaded by nothing that may more than he', async () => {
    await start();
    const mark = join(dir, 'missing.so');
    const alice = await shellOf('alice', { 'env.LD_PRELOAD': mark });
    expect(alice.client.text).toContain(mark);
    expect(readFileSync(`/proc/${worker.pid}/environ`, 'utf8')).not.toContain(mark);
    expect(await alice.run('id -u')).toMatch(/7\d{4}/);
  });

  test('whose variables and arguments are not written down', async () => {
    await start();
    const alice = await shellOf('alice', { 'env.PASSWORD': 'hunter2' });
    expect(await alice.run('echo $PASSWORD')).toBe('hunter2');
    const path = join(dir, 'state', 'sessions', 'terminal', alice.client.sessionId, 'record.json');
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ owner: 'alice', parameters: {} });
  });

  test('may begin where only he may enter, not where only the worker may', async () => {
    await start();
    const alice = await shellOf('alice');
    const home = await alice.run('mkdir -m 700 "$HOME/deep"; echo "$HOME"');
    expect(await (await shellOf('alice', { cwd: join(home, 'deep') })).run('pwd')).toBe(join(home, 'deep'));
    await expect(shellOf('bob', { cwd: home })).rejects.toMatchObject({ code: 'PANEL_FAILED' });
    await expect(shellOf('bob', { cwd: join(dir, 'state', 'sessions') })).rejects.toMatchObject({
      code: 'PANEL_FAILED',
    });
  });

  test('and nothing that it started outlives the owner’s last session', async () => {
    await start();
    const [first, last, bob] = [await shellOf('alice'), await shellOf('alice'), await shellOf('bob')];
    const leave = async (shell: Shell): Promise<number> =>
      Number(
        await shell.run(
          'setsid sh -c "echo \\$\\$ >$HOME/left; exec sleep 600" </dev/null >/dev/null 2>&1 & until [ -s $HOME/left ]; do :; done; cat $HOME/left',
        ),
      );
    const [left, others] = [await leave(first), await leave(bob)];
    const end = async (shell: Shell): Promise<void> => {
      shell.client.type('exit\n');
      await shell.client.over();
    };
    await end(first);
    expect(await last.run('echo still here')).toBe('still here');
    expect(existsSync(`/proc/${left}`)).toBe(true);
    await end(last);
    await waitFor(
      'what was left behind is gone',
      () => !existsSync(`/proc/${left}`) || readFileSync(`/proc/${left}/status`, 'utf8').includes('State:\tZ'),
    );
    expect(existsSync(`/proc/${others}`)).toBe(true);
  });
});
