import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readlinkSync } from 'node:fs';

import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { createSystemClock } from '#common/time/clock.js';
import { Channel } from '#proto/session/v1/session.js';
import type { InputItem } from '#session/endpoint/endpoint.js';
import { createFakePanelContext, createRecordedOutput, type RecordedOutput } from '#test/support/panel-context.js';
import type { PanelSession } from '../../panel/panel.js';
import { createSessionProcesses } from '../../processes/session-processes.js';
import { createTerminalPanel } from './terminal.js';

const environment = { PATH: process.env['PATH'], HOME: '/', SHELL: '/bin/sh' };
const panel = createTerminalPanel({ environment, endLimits: { hangupMs: 200, terminateMs: 200, killMs: 5000 } });
const table = createSessionProcesses();
const sessions: PanelSession[] = [];

const data = (payload: Uint8Array): InputItem => ({ kind: 'data', seq: 1, channel: Channel.STDIN, payload });
const fin: InputItem = { kind: 'fin', seq: 2 };
const signal = (name: string): InputItem => ({
  kind: 'event',
  seq: 1,
  event: { kind: { $case: 'signal', value: { name } } },
});
const run = async (command: string, args: readonly string[] = [], output = createRecordedOutput(), more = {}) => {
  const parameters = { command, args: JSON.stringify(args), tty: 'false', ...more };
  const context = createFakePanelContext({ parameters, output, clock: createSystemClock() });
  const session = await panel.open(context);
  sessions.push(session);
  return { session, output, gate: context.gate, pid: Number(session.details()['pid']) };
};
const sh = (script: string, output?: RecordedOutput) => run('sh', ['-c', script], output);
const ended = (output: RecordedOutput): boolean => output.ended;
const written = (output: RecordedOutput, channel: Channel): Buffer =>
  Buffer.concat(output.items.flatMap((item) => (item.kind === 'data' && item.channel === channel ? [item.bytes] : [])));
const stdout = (output: RecordedOutput): string => written(output, Channel.STDOUT).toString();
const stderr = (output: RecordedOutput): string => written(output, Channel.STDERR).toString();
const exitOf = (output: RecordedOutput): unknown =>
  output.items.flatMap((item) =>
    item.kind === 'event' && item.event.kind?.$case === 'exitStatus' ? [item.event.kind.value] : [],
  );
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const descriptors = (): string[] =>
  readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return [];
    }
  });
const left = (): string[] => descriptors().filter((name) => name.includes('ptmx'));

// Real processes, on machines that may be busy.
jest.setTimeout(60_000);

afterEach(async () => {
  await Promise.all(sessions.splice(0).map((session) => session.close()));
  if (left().length > 0) throw new Error('A terminal was left open.');
});

describe('a program on pipes', () => {
  test('keeps output and errors apart, and tells the exit code after both', async () => {
    const { output } = await sh('echo out; echo err >&2; exit 7');
    await output.until(ended);
    expect(stdout(output)).toBe('out\n');
    expect(stderr(output)).toBe('err\n');
    expect(output.items.map((item) => item.kind)).toEqual(['data', 'data', 'event', 'end']);
    expect(exitOf(output)).toEqual([{ code: 7, signal: '' }]);
  });

  test('passes bytes as they are, in both directions, and the end of input', async () => {
    const { session, output } = await run('cat');
    const bytes = randomBytes(1024 * 1024);
    for (let at = 0; at < bytes.length; at += 65_536) await session.input(data(bytes.subarray(at, at + 65_536)));
    await session.input(fin);
    await output.until(ended);
    expect(sha256(written(output, Channel.STDOUT))).toBe(sha256(bytes));
    expect(exitOf(output)).toEqual([{ code: 0, signal: '' }]);
  });

  test('passes a line that is longer than a terminal takes, and every control character', async () => {
    const { session, output } = await run('sha256sum');
    const bytes = Buffer.concat([
      Buffer.alloc(10_000, 'a'),
      Buffer.from([0, 1, 2, 3, 4, 0x13, 0x11, 0x1a, 0x1c, 13, 10, 127, 255]),
    ]);
    await session.input(data(bytes));
    await session.input(fin);
    await output.until(ended);
    expect(stdout(output)).toBe(`${sha256(bytes)}  -\n`);
  });

  test('has no terminal: no tty on any descriptor, none to open, no TERM', async () => {
    const script =
      'for n in 0 1 2; do [ -t $n ] && echo tty $n; done; (echo x >/dev/tty) 2>/dev/null && echo opened; echo "[$TERM]"; ps -o tty= -p $$';
    const { output } = await sh(script);
    await output.until(ended);
    expect(stdout(output)).toBe('[]\n?\n');
  });

  test('is told of a lost terminal by nobody: SIGHUP is as a program expects it', async () => {
    const { output } = await run('sh', ['-c', 'grep -E "^Sig(Ign|Cgt|Blk|Pnd)" /proc/self/status']);
    await output.until(ended);
    expect(stdout(output).match(/\b0{15}[1-9a-f]/g)).toBeNull();
    const { output: killed } = await sh('kill -HUP $$; sleep 10');
    await killed.until(ended);
    expect(exitOf(killed)).toEqual([{ code: 0, signal: 'SIGHUP' }]);
  });

  test.each([
    ['exit 137', { code: 137, signal: '' }],
    ['kill -KILL $$', { code: 0, signal: 'SIGKILL' }],
    ['kill -PIPE $$', { code: 0, signal: 'SIGPIPE' }],
    ['kill -SEGV $$', { code: 0, signal: 'SIGSEGV' }],
  ])('tells an exit code from a signal: %s', async (script, exit) => {
    const { output } = await run('sh', ['-c', script], createRecordedOutput(), { 'env.LC_ALL': 'de_DE.UTF-8' });
    await output.until(ended);
    expect(exitOf(output)).toEqual([exit]);
  });

  test('can open its streams by name, and holds no other descriptor', async () => {
    const { session, output } = await sh('cat /dev/stdin >/dev/stdout; echo e >/dev/stderr; ls /proc/self/fd | wc -l');
    await session.input(data(Buffer.from('by name\n')));
    await session.input(fin);
    await output.until(ended);
    // Three, and the directory that ls reads.
    expect(stdout(output)).toBe('by name\n4\n');
    expect(stderr(output)).toBe('e\n');
  });

  test('leads a session of its own, and gets signals with all its group', async () => {
    const { session, output, pid } = await sh('trap "echo int; exit 5" INT; sleep 1000 & echo ready; wait; wait');
    await output.until(() => stdout(output).includes('ready'));
    expect(table.find(pid)?.sessionId).toBe(pid);
    await session.input(signal('SIGINT'));
    await output.until(() => stdout(output).includes('int'));
    await session.close();
    expect(table.ofSession(pid)).toEqual([]);
  });

  test('has what somebody in the background writes, and ends when nobody can write any more', async () => {
    const { output } = await sh('(sleep 0.3; echo late) & exit 3');
    await output.until(ended);
    expect(stdout(output)).toBe('late\n');
    expect(exitOf(output)).toEqual([{ code: 3, signal: '' }]);
  });

  test('waits for a slow reader, and loses nothing', async () => {
    const output = createRecordedOutput();
    output.closeAfter(10_000);
    await sh('seq 1 200000', output);
    await output.until(() => !output.canWrite());
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(output.bytes.length).toBeLessThan(10_000 + 2 * 64 * 1024);
    output.setWritable(true);
    await output.until(ended);
    const expected = Array.from({ length: 200_000 }, (_, index) => `${index + 1}\n`).join('');
    expect(sha256(output.bytes)).toBe(sha256(Buffer.from(expected)));
  });

  test('is written to no faster than it reads, under a hold with a name', async () => {
    const { session, output, gate } = await sh('read -r line; echo "$line"; sleep 1000');
    const taken = session.input(data(Buffer.concat([Buffer.from('first\n'), Buffer.alloc(200_000)])));
    await output.until(() => stdout(output) === 'first\n');
    expect(gate.holders.map((hold) => hold.operation)).toEqual(['stdin.write']);
    await session.close();
    await taken;
    expect(gate.holders).toEqual([]);
  });

  test('drops input that a program does not want, and goes on to its end', async () => {
    const { session, output } = await sh('exec <&-; echo closed; sleep 0.2; exit 4');
    await output.until(() => stdout(output) === 'closed\n');
    for (let round = 0; round < 20; round++) await session.input(data(Buffer.alloc(65_536)));
    await session.input(fin);
    await output.until(ended);
    expect(exitOf(output)).toEqual([{ code: 4, signal: '' }]);
  });

  test('says why a program cannot be started', async () => {
    await expect(run('no-such-program')).rejects.toThrow('There is no program "no-such-program"');
    const { output } = await run('sh', ['-c', 'echo $0 "$@"', 'a b', "c'd", ''], createRecordedOutput(), {
      'env.TERM': 'x',
      cwd: '/usr',
    });
    await output.until(ended);
    expect(stdout(output)).toBe("a b c'd \n");
  });

  test('keeps many apart that start at once', async () => {
    const many = await Promise.all(Array.from({ length: 20 }, (_, index) => run('echo', [`number ${index}`])));
    for (const [index, { output }] of many.entries()) {
      await output.until(ended);
      expect(stdout(output)).toBe(`number ${index}\n`);
    }
  });
});
