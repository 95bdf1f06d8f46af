import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { PaneletError } from '#common/errors/errors.js';
import { OnTimeout, State } from '#proto/gate/v1/gate.js';
import { ResumeOutcome } from '#proto/session/v1/session.js';
import { receiptOfDrain, startDrain, statusOfGate } from '#test/support/gate-calls.js';
import { LinkClient } from '#test/support/link-client.js';
import { TextClient } from '#test/support/text-client.js';
import { spawnWorker, type WorkerProcess } from '#test/support/worker-process.js';

jest.setTimeout(60_000);

function mountDisk(dir: string, options: string): void {
  execFileSync('/usr/bin/mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', dir], { stdio: 'ignore' });
}

/** True where this process may have a disk of its own, and start programs as others. */
function mayMount(): boolean {
  const dir = mkdtempSync('/tmp/pw-may-');
  try {
    mountDisk(dir, 'size=64k');
    execFileSync('/usr/bin/umount', [dir]);
    return process.getuid?.() === 0;
  } catch {
    return false;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** What there may be no room for: content of files, or files. */
const kinds = ['bytes', 'files'] as const;

function fill(dir: string, kind: (typeof kinds)[number]): void {
  const made = join(dir, 'fill');
  mkdirSync(made, { recursive: true });
  // What a file needs to grow is there until the last bit is: files that are empty take no room of the other kind.
  const file = openSync(join(made, 'bytes'), 'w');
  try {
    if (kind === 'files') for (let n = 0; ; n++) closeSync(openSync(join(made, String(n)), 'w'));
    for (;;) writeSync(file, Buffer.alloc(4096));
  } catch {
    const { bavail, ffree } = statfsSync(dir);
    expect(kind === 'bytes' ? bavail : ffree).toBe(0);
  } finally {
    closeSync(file);
  }
}

// Of its own: with an owner's last session, all processes of a uid end on the whole machine.
const asHost = ['--target', 'host', '--parameter', 'uids={"first":140000,"count":10}'];

const makeRoom = (dir: string): void => rmSync(join(dir, 'fill'), { recursive: true });

/** Directly in /tmp: owners must be able to pass, and those of the tests are closed. */
async function makePassableDir(): Promise<string> {
  const dir = await mkdtemp('/tmp/pw-full-');
  await chmod(dir, 0o711);
  return dir;
}

async function dropDisk(dir: string, disk: string): Promise<void> {
  execFileSync('/usr/bin/umount', ['-l', disk]);
  await rm(dir, { recursive: true, force: true });
}

function refusalText(error: unknown): string {
  const { code, message } = PaneletError.from(error);
  return `${code}: ${message}`;
}

// Elsewhere there is no disk to fill.
const withDisks = mayMount() ? describe : describe.skip;

withDisks.each(kinds)('on a disk without room for %s', (kind) => {
  let dir: string;
  let disk: string;
  let worker: WorkerProcess;
  const clients: LinkClient[] = [];

  const start = async (panel: 'echo' | 'terminal', ...parameters: string[]): Promise<void> => {
    const host = panel === 'terminal' ? asHost : [];
    worker = spawnWorker({ dir, panel, args: [...host, ...parameters.flatMap((one) => ['--parameter', one])] });
    await worker.ready;
  };
  const shellOf = async (identity: string): Promise<TextClient> => {
    const parameters = { command: '/bin/sh', args: '["-i"]', 'env.PS1': '' };
    const client = new TextClient({ socket: worker.socket, panel: 'terminal', identity, parameters });
    clients.push(client);
    await client.attach();
    return client;
  };
  const answers = async (shell: TextClient, word: string): Promise<void> => {
    // Quoted in the middle, so that the echo of the line is not taken for its output.
    shell.type(`echo "${word.slice(0, 1)}""${word.slice(1)}"\n`);
    await shell.shows(new RegExp(word));
  };
  const refusalOf = async (opening: Promise<unknown>): Promise<string> => {
    try {
      await opening;
      return 'none';
    } catch (error) {
      return refusalText(error);
    }
  };

  beforeEach(async () => {
    dir = await makePassableDir();
    disk = join(dir, 'state');
    await mkdir(disk);
    mountDisk(disk, 'size=1m,nr_inodes=200,mode=711');
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close();
    await worker.end();
    await dropDisk(dir, disk);
  });

  test('shells go on, new ones are refused with the reason, and open once there is room', async () => {
    await start('terminal');
    const alice = await shellOf('alice');
    await answers(alice, 'before');
    fill(disk, kind);
    for (const identity of ['bob', 'alice', 'bob']) {
      expect(await refusalOf(shellOf(identity))).toMatch(/^STATE_DIR_UNUSABLE: .*The disk is full/);
    }
    await answers(alice, 'during');
    expect((await statusOfGate(worker.gate)).sessions).toBe(1);
    makeRoom(disk);
    await answers(await shellOf('bob'), 'bobs');
    await answers(await shellOf('alice'), 'again');
    const owners = (await readdir(join(disk, 'owners'))).filter((name) => !name.endsWith('.used'));
    expect(owners.sort()).toEqual(['140000', '140001']);
    const sessions = await readdir(join(disk, 'sessions', 'terminal'));
    expect(sessions.filter((name) => !['instances', 'lock'].includes(name))).toHaveLength(3);
  });

  test('a drain is called off or waits for room, and what it seals is exact', async () => {
    await start('echo');
    const alice = new LinkClient({ socket: worker.socket });
    clients.push(alice);
    await alice.attach();
    alice.write(randomBytes(30_000));
    await alice.echoed();
    fill(disk, kind);
    const aborted = startDrain(worker.gate, { onTimeout: OnTimeout.ABORT, timeoutMs: 700 });
    await aborted.done;
    expect(aborted.states.at(-1)).toBe(State.SERVING);
    alice.write(randomBytes(10_000));
    await alice.echoed();
    const drain = startDrain(worker.gate, { timeoutMs: 20_000 });
    setTimeout(() => makeRoom(disk), 300);
    expect((await receiptOfDrain(drain)).counts).toMatchObject({ checkpointed: 1, forced: 0 });
    await worker.end();
    await start('echo');
    expect(await alice.attach()).toMatchObject({ outcome: ResumeOutcome.EXACT });
    alice.write(randomBytes(10_000));
    await alice.echoed();
    expect(alice.isExact).toBe(true);
  });
});

withDisks.each(['owners', 'homes'])('without room for %s alone', (part) => {
  let dir: string;
  let disk: string;
  let worker: WorkerProcess;
  const clients: TextClient[] = [];

  const open = async (identity: string): Promise<string> => {
    const parameters = { command: '/bin/sh', args: '["-c", "echo opened; cat"]' };
    const client = new TextClient({ socket: worker.socket, panel: 'terminal', identity, parameters });
    clients.push(client);
    try {
      await client.attach();
      return (await client.shows(/opened/))[0];
    } catch (error) {
      return refusalText(error);
    }
  };

  beforeEach(async () => {
    dir = await makePassableDir();
    disk = join(dir, 'state', part);
    await mkdir(disk, { recursive: true });
    mountDisk(disk, 'size=1m,nr_inodes=20,mode=711');
    worker = spawnWorker({ dir, panel: 'terminal', args: [...asHost, '--owner-sessions', '2'] });
    await worker.ready;
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close();
    await worker.end();
    await dropDisk(dir, disk);
  });

  test('whoever has been there opens, a newcomer is told, and has all he may have later', async () => {
    expect(await open('alice')).toBe('opened');
    fill(disk, 'files');
    expect(await open('alice')).toBe('opened');
    for (let tries = 0; tries < 2; tries++) {
      expect(await open('bob')).toMatch(/^STATE_DIR_UNUSABLE: .*The disk is full/);
    }
    makeRoom(disk);
    expect([await open('bob'), await open('bob')]).toEqual(['opened', 'opened']);
    expect(await open('bob')).toMatch(/^LIMIT_EXCEEDED: You have 2/);
  });
});

withDisks('a name without room', () => {
  let dir: string;
  let names: string;
  let worker: WorkerProcess | undefined;
  const clients: TextClient[] = [];

  const open = async ({ socket }: WorkerProcess): Promise<void> => {
    const client = new TextClient({
      socket,
      panel: 'terminal',
      parameters: { command: '/bin/sh', args: '["-c", "cat"]' },
    });
    clients.push(client);
    await client.attach();
  };
  const read = (name: string): string => readFileSync(join(names, name), 'utf8');

  beforeEach(async () => {
    dir = await makePassableDir();
    names = join(dir, 'names');
    await mkdir(names);
    mountDisk(names, 'size=16k');
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close();
    await worker?.end();
    await dropDisk(dir, names);
  });

  test('is missing, and written down as a whole later', async () => {
    // A line begins on a page that is there and ends on one for which there is no room.
    const most = `${'#'.repeat(4087)}\n`;
    for (const name of ['passwd', 'group']) writeFileSync(join(names, name), most);
    fill(names, 'bytes');
    worker = spawnWorker({ dir, panel: 'terminal', args: [...asHost, '--parameter', `names=${names}`] });
    await worker.ready;
    await open(worker);
    expect(worker.stderr()).toContain('An owner has no name');
    expect([read('passwd') === most, read('group') === most]).toEqual([true, true]);
    makeRoom(names);
    await open(worker);
    const home = join(dir, 'state', 'homes', '140000');
    expect(read('group').slice(most.length)).toBe('u140000:x:140000:\n');
    expect(read('passwd').slice(most.length)).toMatch(new RegExp(`^u140000:x:140000:140000::${home}:.*\n$`));
  });
});
