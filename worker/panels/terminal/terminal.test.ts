import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createSystemClock } from '#common/time/clock.js';
import { isPaneletError } from '#common/errors/errors.js';
import { Channel } from '#proto/session/v1/session.js';
import type { InputItem } from '#session/endpoint/endpoint.js';
import { createFakePanelContext, createRecordedOutput, type RecordedOutput } from '#test/support/panel-context.js';
import type { PanelSession } from '../../panel/panel.js';
import { createSessionProcesses } from '../../processes/session-processes.js';
import { createTerminalPanel } from './terminal.js';

const environment = { PATH: process.env['PATH'], HOME: '/', SHELL: '/bin/sh', SECRET_TOKEN: 'not for shells' };
const panel = createTerminalPanel({ environment, endLimits: { hangupMs: 200, terminateMs: 200, killMs: 5000 } });
const table = createSessionProcesses();
const sessions: PanelSession[] = [];
let directory: string;

const data = (text: string): InputItem => ({
  kind: 'data',
  seq: 1,
  channel: Channel.STDIN,
  payload: Buffer.from(text),
});
const signal = (name: string): InputItem => ({
  kind: 'event',
  seq: 1,
  event: { kind: { $case: 'signal', value: { name } } },
});
const resize = (rows: number, cols: number): InputItem => ({
  kind: 'event',
  seq: 1,
  event: { kind: { $case: 'resize', value: { rows, cols } } },
});
const open = async (parameters: Record<string, string>, output = createRecordedOutput()) => {
  const context = createFakePanelContext({ parameters, output, clock: createSystemClock() });
  const session = await panel.open(context);
  sessions.push(session);
  return { session, output, gate: context.gate, pid: Number(session.details()['pid']) };
};
const sh = (script: string, output?: RecordedOutput) =>
  open({ command: 'sh', args: JSON.stringify(['-c', script]) }, output);
const says = (text: string) => (output: RecordedOutput) => output.text.includes(text);
const ended = (output: RecordedOutput): boolean => output.ended;
const exitOf = (output: RecordedOutput): unknown =>
  output.items.flatMap((item) =>
    item.kind === 'event' && item.event.kind?.$case === 'exitStatus' ? [item.event.kind.value] : [],
  );
const masters = (pid: number | 'self'): number =>
  readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`).includes('ptmx');
    } catch {
      return false;
    }
  }).length;

// Real processes and files, on machines that may be busy.
jest.setTimeout(60_000);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'panelet-terminal-'));
});

afterEach(async () => {
  await Promise.all(sessions.splice(0).map((session) => session.close()));
  rmSync(directory, { recursive: true });
  if (masters('self') > 0) throw new Error('A terminal was left open.');
});

describe('terminal', () => {
  test('runs a program on a real terminal and passes keystrokes once and in order', async () => {
    const { session, output } = await sh('stty -echo; echo ready; cat');
    await output.until(says('ready'));
    const lines = Array.from({ length: 300 }, (_, index) => `line ${index}\n`);
    for (const line of lines) await session.input(data(line));
    await output.until(says('line 299'));
    expect(output.text).toBe(`ready\r\n${lines.join('').replaceAll('\n', '\r\n')}`);
    await session.input({ kind: 'fin', seq: 9 });
    await output.until(ended);
    expect(exitOf(output)).toEqual([{ code: 0, signal: '' }]);
  });

  test('reports the exit code, after all output and before its end', async () => {
    const { output } = await sh('echo bye; exit 7');
    await output.until(ended);
    expect(output.items.map((item) => item.kind)).toEqual(['data', 'event', 'end']);
    expect(output.text).toBe('bye\r\n');
    expect(exitOf(output)).toEqual([{ code: 7, signal: '' }]);
  });

  test('reports the signal that ended the program', async () => {
    const { output } = await sh('kill -KILL $$');
    await output.until(ended);
    expect(exitOf(output)).toEqual([{ code: 0, signal: 'SIGKILL' }]);
  });

  test('loses nothing of a program that ends while its client is slow', async () => {
    const output = createRecordedOutput();
    output.closeAfter(1);
    const { pid } = await sh('stty -onlcr; seq 1 1500; exit 3', output);
    await output.until(() => !output.canWrite());
    // The rest, less than the kernel keeps, is written and the program is gone.
    while (table.find(pid)) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(output.ended).toBe(false);
    output.setWritable(true);
    await output.until(ended);
    expect(output.text).toBe(Array.from({ length: 1500 }, (_, index) => `${index + 1}\n`).join(''));
    expect(exitOf(output)).toEqual([{ code: 3, signal: '' }]);
  });

  test('blocks a program whose client does not read, and loses nothing when it reads again', async () => {
    const output = createRecordedOutput();
    output.closeAfter(10_000);
    await sh('stty -onlcr; seq 1 200000', output);
    await output.until(() => !output.canWrite());
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(output.bytes.length).toBeLessThan(10_000 + 64 * 1024);
    output.setWritable(true);
    await output.until(ended);
    const expected = Array.from({ length: 200_000 }, (_, index) => `${index + 1}\n`).join('');
    expect(createHash('sha256').update(output.bytes).digest('hex')).toBe(
      createHash('sha256').update(expected).digest('hex'),
    );
  });

  test('ends with its program though something in the background keeps the terminal open', async () => {
    const { output, session, pid } = await sh('trap "" HUP; sleep 1000 & echo started; exit 0');
    await output.until(ended);
    expect(output.text).toContain('started');
    await session.close();
    expect(table.ofSession(pid)).toEqual([]);
  });

  test('tells the program the size of the window and its changes', async () => {
    const { session, output } = await open({
      command: 'sh',
      args: JSON.stringify(['-c', 'trap "stty size; exit" WINCH; stty size; while :; do sleep 0.05; done']),
      rows: '30',
      cols: '100',
    });
    await output.until(says('30 100'));
    await session.input(resize(41, 132));
    await output.until(ended);
    expect(output.text).toContain('41 132');
  });

  test.each([
    [{ rows: '0', cols: '0' }, '24 80'],
    [{ rows: '0', cols: '132' }, '24 132'],
    [{ rows: '50', cols: '20000' }, '50 1000'],
  ])('has a size where its window reports %j', async (parameters, size) => {
    const { output } = await open({ command: 'stty', args: '["size"]', ...parameters });
    await output.until(ended);
    expect(output.text.trim()).toBe(size);
  });

  test('keeps what it knows of its size when the window does not know it any more', async () => {
    const { session, output } = await sh('stty -echo; echo ready; while read line; do stty size; done');
    await output.until(says('ready'));
    const lines = (): string[] => output.text.trim().split('\r\n');
    for (const [index, [rows, cols]] of [
      [0, 9999],
      [30, 0],
      [0, 0],
    ].entries()) {
      await session.input(resize(rows ?? 0, cols ?? 0));
      await session.input(data('\n'));
      await output.until(() => lines().length === index + 2);
    }
    expect(lines()).toEqual(['ready', '24 1000', '30 1000', '30 1000']);
  });

  test('erases a whole character, not a byte of it', async () => {
    const { session, output } = await sh('stty -echo; echo ready; read line; printf %s "$line" | od -An -tx1');
    await output.until(says('ready'));
    await session.input(data('a\u00e9\x7fb\n'));
    await output.until(ended);
    expect(output.text).toContain('61 62');
  });

  test('signals the program in the foreground and not the shell', async () => {
    const { session, output } = await open({ command: 'bash', args: '["--norc","-i"]', 'env.PS1': '$ ' });
    await session.input(data('echo begin; sleep 1000; echo "status $?"\n'));
    await output.until(says('begin\r\n'));
    const shell = Number(session.details()['pid']);
    while (table.ofSession(shell).every((entry) => entry.foregroundGroup === shell || entry.pid === shell)) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await session.input(signal('SIGTERM'));
    await output.until(says('status 143'));
    await session.input(signal('SIGNONSENSE'));
    expect(table.find(shell)).toBeDefined();
  });

  test('names the hold while a program does not read, and goes on exactly where it was after a freeze', async () => {
    const { session, output, gate } = await sh(
      `stty raw -echo; echo ready; while [ ! -e ${directory}/go ]; do sleep 0.02; done; head -c 100000 | sha256sum`,
    );
    await output.until(says('ready'));
    const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, index) => 32 + (index % 90)));
    const written = session.input({ kind: 'data', seq: 1, channel: Channel.STDIN, payload: bytes }) as Promise<void>;
    const frozen = session.freeze();
    const first = await Promise.race([
      frozen.then(() => 'frozen'),
      new Promise((resolve) => setTimeout(() => resolve('held'), 100)),
    ]);
    expect(first).toBe('held');
    expect(gate.holders).toMatchObject([{ operation: 'pty.write', bytes: 100_000 }]);
    writeFileSync(join(directory, 'go'), '');
    await Promise.all([written, frozen]);
    session.thaw();
    await output.until(ended);
    expect(output.text).toContain(createHash('sha256').update(bytes).digest('hex'));
    expect(gate.tryClose()).toEqual({ kind: 'closed' });
  });

  test('gives up a write that is stuck when it is closed', async () => {
    const { session, output, gate } = await sh('stty raw -echo; echo ready; sleep 1000');
    await output.until(says('ready'));
    const written = session.input(data('x'.repeat(200_000))) as Promise<void>;
    await session.close();
    await written;
    expect(gate.tryClose()).toEqual({ kind: 'closed' });
  });

  test('gives no output while frozen, and all of it after a thaw', async () => {
    const { session, output } = await sh('stty -echo; echo ready; read line; echo "got $line"; sleep 1000');
    await output.until(says('ready'));
    await session.input(data('abc\n'));
    await session.freeze();
    const seen = output.bytes.length;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(output.bytes.length).toBe(seen);
    session.thaw();
    await output.until(says('got abc'));
  });

  test('leaves no process behind, not even one that ignores SIGHUP and SIGTERM or is stopped', async () => {
    const { session, output, pid } = await sh(
      'trap "" HUP TERM; sh -c \'trap "" HUP TERM; while :; do sleep 1; done\' & sleep 1000 & kill -STOP $!; echo ready; while :; do sleep 1; done',
    );
    await output.until(says('ready'));
    expect(table.ofSession(pid).length).toBeGreaterThan(2);
    await Promise.all([session.close(), session.close()]);
    expect(table.ofSession(pid)).toEqual([]);
  });

  test('gives programs no descriptor of another terminal', async () => {
    const first = await sh('sleep 1000');
    const second = await sh('sleep 1000');
    const third = await sh('sleep 1000');
    // Leaves a gap below the third one's master.
    await first.session.close();
    const fourth = await sh('echo ready; sleep 1000');
    await fourth.output.until(says('ready'));
    for (const { pid } of [second, third, fourth]) expect(masters(pid)).toBe(0);
    expect(masters('self')).toBe(3);
  });

  test('passes on what a login passes on, and no secret of the worker', async () => {
    const { output } = await open({ command: 'env', 'env.COLOUR': 'red', term: 'vt100' });
    await output.until(ended);
    expect(output.text).toMatch(/^TERM=vt100\r$/m);
    expect(output.text).toMatch(/^COLOUR=red\r$/m);
    expect(output.text).toMatch(/^HOME=\/\r$/m);
    expect(output.text).not.toContain('SECRET_TOKEN');
  });

  test('opens the login shell by default, and says which process it is', async () => {
    const { session, output } = await open({});
    const { pid, command, startTime } = session.details();
    expect(command).toBe('/bin/sh -l');
    expect(table.find(Number(pid))?.startTime).toBe(startTime);
    await session.input(data('echo $((6*7))\n'));
    await output.until(says('42'));
  });

  test('paints its screen', async () => {
    const { session, output } = await sh('printf "\\033[32mgreen\\033[0m"; sleep 1000');
    await output.until(says('green'));
    const snapshot = session.snapshot?.();
    expect(snapshot?.contentType).toBe('text/vnd.panelet.screen');
    expect(Buffer.from(snapshot?.bytes ?? []).toString()).toContain('\x1b[32mgreen');
  });

  test.each([
    [{ command: 'no-such-program' }, /There is no program "no-such-program"/],
    [{ command: '/etc/passwd' }, /There is no program "\/etc\/passwd"/],
    [{ cwd: '/no/such/place' }, /cwd "\/no\/such\/place" is not a directory/],
    [{ cwd: 'relative' }, /not an absolute path/],
    [{ args: 'ls -l' }, /"args": must be a JSON array/],
    [{ rows: '-1' }, /"rows"/],
    [{ cols: '65536' }, /"cols"/],
    [{ 'env.a=b': 'c' }, /needs a name/],
    [{ colour: 'red' }, /colour/],
  ])('refuses %j with a reason', async (parameters, reason) => {
    const error: unknown = await panel
      .open(createFakePanelContext({ parameters: parameters as unknown as Record<string, string> }))
      .catch((caught: unknown) => caught);
    expect(isPaneletError(error, 'command' in parameters ? 'PROGRAM_UNKNOWN' : 'PANEL_FAILED')).toBe(true);
    expect((error as Error).message).toMatch(reason);
  });

  test.each(['true', 'false'])(
    'leaves its owner’s account, and closes, though its processes cannot be ended: tty %s',
    async (tty) => {
      let left = 0;
      const account = {
        ...{ uid: 70_000, name: 'u70000', home: '/', temporary: '/' },
        launch: ({ file, args }: { readonly file: string; readonly args: readonly string[] }) => {
          return { file, args, environment: { PATH: environment.PATH ?? '' } };
        },
        run: (script: string) => Promise.resolve(script.startsWith('cd') ? 0 : 20),
        leave: () => {
          left++;
          return Promise.resolve();
        },
      };
      const accounts = { enter: () => Promise.resolve(account), whileAway: () => Promise.resolve(false) };
      const owned = createTerminalPanel({ environment, accounts });
      const clock = createSystemClock();
      let broken = false;
      const nowMs = (): number => {
        if (broken) throw new Error('EMFILE: too many open files');
        return clock.nowMs();
      };
      const parameters = { tty, command: '/bin/sh', args: '["-c", "cat"]' };
      const session = await owned.open(createFakePanelContext({ parameters, clock: { ...clock, nowMs } }));
      broken = true;
      await expect(session.close()).rejects.toThrow('EMFILE');
      expect([left, masters('self')]).toEqual([1, 0]);
    },
  );
});
