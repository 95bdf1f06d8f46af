import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { isPaneletError, PaneletError } from '#common/errors/errors.js';
import { createLatch } from '#common/time/latch.js';
import { createFakePanelContext, createRecordedOutput, type RecordedOutput } from '#test/support/panel-context.js';
import type { PanelDefinition, PanelSession } from '../../panel/panel.js';
import { createLogsPanel } from './logs.js';

let base: string;
let root: string;
let log: string;
let panel: PanelDefinition;
let clock: FakeClock;
const sessions: PanelSession[] = [];

const open = async (parameters: Record<string, string> = {}, output = createRecordedOutput()) => {
  const context = createFakePanelContext({ parameters: { path: log, ...parameters }, output, clock });
  const session = await panel.open(context);
  sessions.push(session);
  return { session, output, context };
};
const restore = async (state: Uint8Array, output = createRecordedOutput()) => {
  const session = await panel.restore!(createFakePanelContext({ output, clock }), state);
  sessions.push(session);
  return { session, output };
};
/** What the worker does at a planned restart. */
const seal = async (session: PanelSession): Promise<Uint8Array> => {
  await session.freeze();
  const state = session.checkpoint!();
  await session.close();
  return state;
};
const shows = (text: string) => (output: RecordedOutput) => output.text.endsWith(text);
const names = (output: RecordedOutput): string[] => output.events.map((event) => event.name);
const hears = (name: string) => (output: RecordedOutput) => names(output).includes(name);
const refusal = async (parameters: Record<string, string>): Promise<string> => {
  const error: unknown = await open(parameters).catch((caught: unknown) => caught);
  if (!isPaneletError(error, 'PANEL_FAILED')) throw new Error(`Not refused: ${String(error)}`);
  return error.message;
};
const openFiles = (): string[] =>
  readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith(base) ? [target] : [];
    } catch {
      return [];
    }
  });

// Real processes and files, on machines that may be busy.
jest.setTimeout(60_000);

beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'panelet-logs-')));
  root = join(base, 'log');
  mkdirSync(root);
  log = join(root, 'app.log');
  panel = createLogsPanel({ parameters: { roots: root } });
  clock = createFakeClock();
});

afterEach(async () => {
  await Promise.all(sessions.splice(0).map((session) => session.close()));
  const left = openFiles();
  rmSync(base, { recursive: true });
  if (left.length > 0) throw new Error(`Left open: ${left.join(', ')}`);
});

describe('logs: where it begins', () => {
  const lines = Array.from({ length: 20 }, (_, index) => `line ${index + 1}\n`);

  test.each([
    [{}, lines.slice(10).join('')],
    [{ lines: '3' }, lines.slice(17).join('')],
    [{ lines: '100' }, lines.join('')],
    [{ from: 'start' }, lines.join('')],
  ])('with %j', async (parameters, expected) => {
    writeFileSync(log, lines.join(''));
    const { output } = await open({ follow: 'false', ...(parameters as unknown as Record<string, string>) });
    await output.until((seen) => seen.ended);
    expect(output.text).toBe(expected);
  });

  test('counts a last line without its newline, and finds lines that are longer than a block', async () => {
    const long = 'x'.repeat(200_000);
    writeFileSync(log, `first\n${long}\nlast`);
    const { output } = await open({ follow: 'false', lines: '2' });
    await output.until((seen) => seen.ended);
    expect(output.text).toBe(`${long}\nlast`);
  });

  test('with no line of the past, and what is appended', async () => {
    writeFileSync(log, 'old\n');
    const { output } = await open({ lines: '0' });
    await new Promise((resolve) => setImmediate(resolve));
    appendFileSync(log, 'new\n');
    await output.until(shows('new\n'));
    expect(output.text).toBe('new\n');
  });

  test('waits for a file that does not exist yet', async () => {
    const { output } = await open();
    writeFileSync(log, 'hello\n');
    await output.until(shows('hello\n'));
    expect(names(output)).toEqual(['appeared']);
  });
});

describe('logs: what it refuses', () => {
  test('paths outside the roots, however they are written', async () => {
    mkdirSync(join(base, 'logs'));
    writeFileSync(join(base, 'logs', 'secret'), 'x');
    writeFileSync(join(base, 'secret'), 'x');
    symlinkSync(join(base, 'secret'), join(root, 'link'));
    symlinkSync(base, join(root, 'up'));
    expect(await refusal({ path: `${root}/` })).toMatch(/is a directory: name a file in it/);
    expect(await refusal({ path: join(base, 'logs', 'secret') })).toMatch(/is not below .*log, which is all/);
    expect(await refusal({ path: `${root}/../secret` })).toMatch(/is not below/);
    expect(await refusal({ path: join(root, 'link') })).toMatch(/is not below/);
    expect(await refusal({ path: join(root, 'up', 'secret') })).toMatch(/is not below/);
    expect(await refusal({ path: 'app.log' })).toMatch(/not an absolute path/);
    expect(await refusal({ path: join(root, 'no', 'app.log') })).toMatch(/directory .* does not exist/);
  });

  test('every path outside the roots in the same words, whether it is there, may be read, or neither', async () => {
    mkdirSync(join(base, 'private'), { mode: 0o000 });
    writeFileSync(join(base, 'there'), 'x');
    symlinkSync(base, join(root, 'up'));
    symlinkSync(join(base, 'there'), join(root, 'to-a-file'));
    symlinkSync(join(base, 'nothing'), join(root, 'to-nothing'));
    symlinkSync(join(base, 'private', 'x'), join(root, 'to-private'));
    symlinkSync('../nothing/x', join(root, 'to-no-directory'));
    const outside = [
      ...['there', 'nothing', 'nothing/x', 'private/x', 'there/x', '../nothing'].map((name) => join(base, name)),
      ...['up/there', 'up/nothing', 'up/nothing/x', 'up/private/x', 'up'].map((name) => join(root, name)),
      ...['to-a-file', 'to-nothing', 'to-private', 'to-no-directory'].map((name) => join(root, name)),
      ...[`${root}/../there`, `${root}/../nothing/x`, '/', '/proc/self/root/nothing'],
    ];
    const answers = [];
    for (const path of outside) answers.push((await refusal({ path })).replace(resolve(path), 'PATH'));
    expect(new Set(answers)).toEqual(
      new Set([`Cannot follow the file: PATH is not below ${root}, which is all that may be read here.`]),
    );
  });

  test('no path for what exists outside: "..", links and roots that are links are followed inside only', async () => {
    mkdirSync(join(root, 'a'));
    writeFileSync(log, 'inside\n');
    for (const path of [`${base}/no/../log/app.log`, `${root}/a/../app.log`]) {
      const { output } = await open({ path, from: 'start' });
      await output.until(shows('inside\n'));
    }
    symlinkSync('../app.log', join(root, 'a', 'relative'));
    symlinkSync(join(root, 'a', 'relative'), join(root, 'absolute'));
    symlinkSync(root, join(base, 'root-link'));
    const { output } = await open({ path: join(root, 'absolute'), from: 'start' });
    await output.until(shows('inside\n'));
    panel = createLogsPanel({ parameters: { roots: join(base, 'root-link') } });
    for (const path of [join(base, 'root-link', 'app.log'), log]) {
      const again = await open({ path, from: 'start' });
      await again.output.until(shows('inside\n'));
    }
    symlinkSync('loop-b', join(root, 'loop-a'));
    symlinkSync('loop-a', join(root, 'loop-b'));
    expect(await refusal({ path: join(root, 'loop-a') })).toMatch(/is not below/);
  });

  test('what is not a regular file, without waiting for a pipe to have a writer', async () => {
    const makePipe = 'mkfifo';
    execFileSync(makePipe, [join(root, 'pipe')]);
    mkdirSync(join(root, 'directory'));
    expect(await refusal({ path: join(root, 'pipe') })).toMatch(/not a file that this worker may read/);
    expect(await refusal({ path: join(root, 'directory') })).toMatch(/not a file/);
  });

  test('a missing file when it should not follow', async () => {
    expect(await refusal({ follow: 'false' })).toMatch(/does not exist/);
  });

  test('wrong parameters, with the reason', async () => {
    writeFileSync(log, '');
    expect(await refusal({ lines: 'many' })).toMatch(/"lines": must be a whole number/);
    expect(await refusal({ lines: '1', from: 'start' })).toMatch(/either "lines" or "from=start"/);
  });

  test('a link that comes to point outside the roots', async () => {
    writeFileSync(join(root, 'one'), 'inside\n');
    writeFileSync(join(base, 'secret'), 'secret\n');
    symlinkSync(join(root, 'one'), log);
    const { output, session } = await open();
    await output.until(shows('inside\n'));
    unlinkSync(log);
    symlinkSync(join(base, 'secret'), log);
    appendFileSync(join(root, 'one'), 'more\n');
    await output.until(shows('more\n'));
    const ticking = setInterval(() => clock.advance(2000), 5);
    await output.until(hears('missing')).finally(() => clearInterval(ticking));
    await session.close();
    expect(output.text).toBe('inside\nmore\n');
  });

  test('roots that are not absolute', () => {
    expect(() => createLogsPanel({ parameters: { roots: 'log' } })).toThrow(/"log" is not an absolute directory/);
  });
});

describe('logs: rotation', () => {
  test('by rename: finishes the old file, says so, and goes on with the new one', async () => {
    writeFileSync(log, 'a\n');
    const { output } = await open();
    await output.until(shows('a\n'));
    appendFileSync(log, 'b\n');
    renameSync(log, `${log}.1`);
    writeFileSync(log, 'c\n');
    await output.until(shows('c\n'));
    expect(output.text).toBe('a\nb\nc\n');
    const kinds = output.items.map((item) => (item.kind === 'data' ? item.bytes.toString() : item.kind));
    expect(kinds.slice(-2)).toEqual(['event', 'c\n']);
    expect(names(output)).toEqual(['rotated']);
  });

  test('several times before anybody looks: no file in between is missed', async () => {
    writeFileSync(log, 'a\n');
    const { output, session } = await open();
    await output.until(shows('a\n'));
    await session.freeze();
    for (const text of ['b\n', 'c\n', 'd\n']) {
      for (let number = 3; number >= 1; number--) {
        if (existsSync(`${log}.${number}`)) renameSync(`${log}.${number}`, `${log}.${number + 1}`);
      }
      renameSync(log, `${log}.1`);
      writeFileSync(log, text);
    }
    session.thaw();
    await output.until(shows('d\n'));
    expect(output.text).toBe('a\nb\nc\nd\n');
    expect(names(output)).toEqual(['rotated', 'rotated', 'rotated']);
  });

  test('old rotated files, and neighbours with similar names, are left alone', async () => {
    writeFileSync(`${log}.1`, 'ancient\n');
    writeFileSync(`${log}.2`, 'older\n');
    writeFileSync(log, 'a\n');
    const { output } = await open();
    await output.until(shows('a\n'));
    writeFileSync(join(root, 'app.log-debug'), 'not this\n');
    writeFileSync(join(root, 'app.log.gz'), 'nor this\n');
    renameSync(`${log}.2`, `${log}.3`);
    renameSync(`${log}.1`, `${log}.2`);
    renameSync(log, `${log}.1`);
    writeFileSync(log, 'b\n');
    await output.until(shows('b\n'));
    expect(output.text).toBe('a\nb\n');
  });

  test('a program that writes on to the renamed file is heard, and its bytes are marked', async () => {
    writeFileSync(log, 'a\n');
    const { output } = await open();
    await output.until(shows('a\n'));
    const writer = openSync(log, 'a');
    renameSync(log, `${log}.1`);
    writeFileSync(log, 'new\n');
    await output.until(shows('new\n'));
    writeSync(writer, 'late\n');
    await output.until(shows('late\n'));
    closeSync(writer);
    expect(output.events.at(-1)).toEqual({ name: 'late', content: { file: 'app.log', bytes: 5 } });
    expect(output.text).toBe('a\nnew\nlate\n');
  });

  test('keeps no rotated file open for long', async () => {
    writeFileSync(log, 'a\n');
    const { output } = await open();
    await output.until(shows('a\n'));
    renameSync(log, `${log}.1`);
    writeFileSync(log, 'b\n');
    await output.until(shows('b\n'));
    for (let tick = 0; tick < 4; tick++) {
      clock.advance(2000);
      appendFileSync(log, `${tick}\n`);
      await output.until(shows(`${tick}\n`));
    }
    while (openFiles().some((file) => file.includes('app.log.1')))
      await new Promise((resolve) => setImmediate(resolve));
  });

  test('by truncation in place: says so and reads from the start', async () => {
    writeFileSync(log, 'aaaa\n');
    const { output } = await open();
    await output.until(shows('aaaa\n'));
    truncateSync(log);
    await output.until(hears('truncated'));
    appendFileSync(log, 'b\n');
    await output.until(shows('b\n'));
    expect(output.text).toBe('aaaa\nb\n');
    expect(output.events).toEqual([{ name: 'truncated', content: { file: 'app.log', offset: 5 } }]);
  });

  test('by truncation that is outgrown before anybody looks is noticed all the same', async () => {
    writeFileSync(log, 'aaaa\n');
    const { output, session } = await open();
    await output.until(shows('aaaa\n'));
    await session.freeze();
    truncateSync(log);
    appendFileSync(log, 'bbbbbbbbbbbb\n');
    session.thaw();
    await output.until(shows('bbbb\n'));
    expect(output.text).toBe('aaaa\nbbbbbbbbbbbb\n');
    expect(names(output)).toEqual(['truncated']);
  });

  test('deletion is told after a while, and so is the return', async () => {
    writeFileSync(log, 'a\n');
    const { output } = await open();
    await output.until(shows('a\n'));
    unlinkSync(log);
    // A look takes a few turns; the next one is a poll away.
    const ticking = setInterval(() => clock.advance(2000), 5);
    await output.until(hears('missing')).finally(() => clearInterval(ticking));
    writeFileSync(log, 'b\n');
    await output.until(shows('b\n'));
    expect(names(output)).toEqual(['missing', 'appeared']);
    expect(output.text).toBe('a\nb\n');
  });

  test('follows a link to its next target', async () => {
    mkdirSync(join(root, 'pod'));
    writeFileSync(join(root, 'pod', '0.log'), 'a\n');
    symlinkSync(join(root, 'pod', '0.log'), log);
    const { output } = await open();
    await output.until(shows('a\n'));
    appendFileSync(join(root, 'pod', '0.log'), 'b\n');
    await output.until(shows('b\n'));
    writeFileSync(join(root, 'pod', '1.log'), 'c\n');
    unlinkSync(log);
    symlinkSync(join(root, 'pod', '1.log'), log);
    await output.until(shows('c\n'));
    expect(output.text).toBe('a\nb\nc\n');
  });

  test('a rotation that only the slow look can notice is noticed', async () => {
    writeFileSync(log, 'a\n');
    const { output, session } = await open();
    await output.until(shows('a\n'));
    await session.freeze();
    appendFileSync(log, 'b\n');
    session.thaw();
    clock.advance(2000);
    await output.until(shows('b\n'));
  });
});

describe('logs: backpressure and restarts', () => {
  const content = Buffer.from(Array.from({ length: 60_000 }, (_, index) => `line ${index}\n`).join(''));

  test('reads no more than the output takes', async () => {
    writeFileSync(log, content);
    const output = createRecordedOutput();
    output.closeAfter(100_000);
    const { session } = await open({ from: 'start' }, output);
    await output.until((seen) => !seen.canWrite());
    await session.freeze();
    expect(output.bytes.length).toBeLessThan(100_000 + 64 * 1024);
    session.thaw();
    output.setWritable(true);
    await output.until((seen) => seen.bytes.length === content.length);
    expect(output.bytes.equals(content)).toBe(true);
  });

  test('continues in another process at the exact byte', async () => {
    writeFileSync(log, content);
    const first = createRecordedOutput();
    first.closeAfter(70_000);
    const { session } = await open({ from: 'start' }, first);
    await first.until((seen) => !seen.canWrite());
    const state = await seal(session);
    appendFileSync(log, 'after\n');
    const { output, session: second } = await restore(state);
    await output.until(shows('after\n'));
    expect(Buffer.concat([first.bytes, output.bytes]).equals(Buffer.concat([content, Buffer.from('after\n')]))).toBe(
      true,
    );
    expect(second.details()).toEqual({ path: log, offset: String(content.length + 6) });
  });

  test('finds the file again that was rotated, twice, while nobody followed it', async () => {
    writeFileSync(log, 'a\nb\n');
    const first = createRecordedOutput();
    const { session } = await open({ from: 'start' }, first);
    await first.until(shows('b\n'));
    const state = await seal(session);
    appendFileSync(log, 'c\n');
    renameSync(log, `${log}.1`);
    writeFileSync(log, 'd\n');
    renameSync(`${log}.1`, `${log}.2`);
    renameSync(log, `${log}.1`);
    writeFileSync(log, 'e\n');
    const { output } = await restore(state);
    await output.until(shows('e\n'));
    expect(output.text).toBe('c\nd\ne\n');
    expect(names(output)).toEqual(['rotated', 'rotated']);
  });

  test('says what is missing when the file it was in is gone', async () => {
    writeFileSync(log, 'a\n');
    const first = createRecordedOutput();
    const { session } = await open({}, first);
    await first.until(shows('a\n'));
    await session.freeze();
    appendFileSync(log, 'never seen\n');
    session.thaw();
    first.setWritable(false);
    const state = await seal(session);
    // Elsewhere first: a file system likes to give a number that has become free to the next file.
    renameSync(log, join(base, 'compressed-elsewhere'));
    writeFileSync(log, 'b\n');
    const { output } = await restore(state);
    await output.until(shows('b\n'));
    expect(output.events[0]?.name).toBe('gap');
    expect(output.events[0]?.content).toMatchObject({ file: 'app.log', bytes: 'unknown' });
    expect(output.text).toBe('b\n');
  });

  test('is not taken in by an inode that was used again', async () => {
    writeFileSync(log, 'the first file\n');
    const { output: first, session } = await open();
    await first.until(shows('file\n'));
    const state = JSON.parse(Buffer.from(await seal(session)).toString()) as {
      trail: { files: { ino: string; name: string }[] };
    };
    renameSync(log, `${log}.1`);
    writeFileSync(`${log}.7`, 'something quite different and longer\n');
    writeFileSync(log, 'b\n');
    unlinkSync(`${log}.1`);
    // As if the file system had given the number of the old file to the one called .7.
    const ino = execFileSync('stat', ['-c', '%i', `${log}.7`])
      .toString()
      .trim();
    state.trail.files[0]!.ino = ino;
    const { output } = await restore(Buffer.from(JSON.stringify(state)));
    await output.until(shows('b\n'));
    expect(names(output)).toContain('gap');
  });

  test('notices a truncation while nobody followed it', async () => {
    writeFileSync(log, 'aaaa\n');
    const { output: first, session } = await open();
    await first.until(shows('aaaa\n'));
    const state = await seal(session);
    writeFileSync(log, 'b\n');
    const { output } = await restore(state);
    await output.until(shows('b\n'));
    expect(names(output)).toEqual(['truncated']);
    expect(output.text).toBe('b\n');
  });

  test('refuses a state that is not one', async () => {
    const error: unknown = await panel.restore!(createFakePanelContext(), Buffer.from('[]')).catch(
      (caught: unknown) => caught,
    );
    expect(isPaneletError(error, 'CHECKPOINT_UNREADABLE')).toBe(true);
  });

  test('refuses to continue what the roots do not permit any more', async () => {
    writeFileSync(log, 'a\n');
    const { session } = await open();
    const state = await seal(session);
    const strict = createLogsPanel({ parameters: { roots: '/var/log' } });
    const error: unknown = await strict.restore!(createFakePanelContext(), state).catch((caught: unknown) => caught);
    expect(isPaneletError(error, 'PANEL_FAILED')).toBe(true);
  });

  test('waits with an event for which there is no room, and moves only when it was told', async () => {
    writeFileSync(log, 'a\n');
    const { session, output } = await open();
    await output.until(shows('a\n'));
    const writeEvent = output.writeEvent.bind(output);
    const refused = createLatch();
    output.writeEvent = () => {
      refused.resolve();
      throw new PaneletError('LIMIT_EXCEEDED', 'Too many events are not acknowledged.');
    };
    renameSync(log, `${log}.1`);
    writeFileSync(log, 'b\n');
    await refused.promise;
    await session.freeze();
    expect(output.text).toBe('a\n');
    output.writeEvent = writeEvent;
    session.thaw();
    await output.until(shows('b\n'));
    expect(names(output)).toEqual(['rotated']);
  });
});

describe('logs: anything at any time', () => {
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant('append' as const), lines: fc.integer({ min: 1, max: 400 }) }),
    },
    { weight: 3, arbitrary: fc.constant({ kind: 'rotate' as const }) },
    { weight: 2, arbitrary: fc.constant({ kind: 'restart' as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'pause' as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'breathe' as const }) },
  );

  test('what comes out is what was written, through random rotations, pauses and restarts', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        for (const name of readdirSync(root)) unlinkSync(join(root, name));
        writeFileSync(log, '');
        let written = '';
        let count = 0;
        const outputs = [createRecordedOutput()];
        let { session } = await open({ from: 'start' }, outputs[0]);
        const seen = (): string => outputs.map((output) => output.text).join('');
        const append = (lines: number): void => {
          const text = Array.from({ length: lines }, () => `this is line ${count++}\n`).join('');
          appendFileSync(log, text);
          written += text;
        };
        for (const { kind, ...rest } of steps) {
          if (kind === 'append') append((rest as { lines: number }).lines);
          if (kind === 'rotate') rotate();
          if (kind === 'pause') outputs.at(-1)?.setWritable(false);
          if (kind === 'breathe') await new Promise((resolve) => setTimeout(resolve, 2));
          if (kind === 'restart') {
            const state = await seal(session);
            outputs.push(createRecordedOutput());
            ({ session } = await restore(state, outputs.at(-1)));
          }
        }
        append(1);
        outputs.at(-1)?.setWritable(true);
        await outputs.at(-1)?.until(() => seen().length >= written.length);
        expect(seen()).toBe(written);
        await session.close();
        expect(outputs.flatMap(names).filter((name) => !['rotated', 'appeared'].includes(name))).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  test('what comes out is what another process writes and rotates at the same time', async () => {
    writeFileSync(log, '');
    const outputs = [createRecordedOutput()];
    let { session } = await open({ from: 'start' }, outputs[0]);
    const writer = spawn(process.execPath, ['-e', rotatingWriter, log], { stdio: 'inherit' });
    const exited = once(writer, 'exit');
    for (let restarts = 0; restarts < 15; restarts++) {
      await Promise.race([new Promise((resolve) => setTimeout(resolve, 20)), exited]);
      const state = await seal(session);
      outputs.push(createRecordedOutput());
      ({ session } = await restore(state, outputs.at(-1)));
    }
    await exited;
    const expected = Array.from({ length: writtenLines }, (_, index) => `this is line ${index}\n`).join('');
    const seen = (): string => outputs.map((output) => output.text).join('');
    for (let wait = 0; wait < 500 && seen().length < expected.length; wait++) {
      clock.advance(2000);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(seen()).toBe(expected);
    // On a starved machine it may look while names are being shifted, and tell a gap in which nothing is missing.
    const told = new Set(outputs.flatMap(names));
    told.delete('gap');
    expect(told).toEqual(new Set(['rotated']));
  });

  const writtenLines = 8000;
  const rotatingWriter = `
    const fs = require('node:fs');
    const log = process.argv[1];
    for (let line = 0; line < ${writtenLines}; line++) {
      fs.appendFileSync(log, 'this is line ' + line + '\\n');
      if (line % 149 !== 148) continue;
      for (let number = 60; number >= 1; number--) {
        if (fs.existsSync(log + '.' + number)) fs.renameSync(log + '.' + number, log + '.' + (number + 1));
      }
      fs.renameSync(log, log + '.1');
    }`;

  function rotate(): void {
    for (let number = 30; number >= 1; number--) {
      if (existsSync(`${log}.${number}`)) renameSync(`${log}.${number}`, `${log}.${number + 1}`);
    }
    renameSync(log, `${log}.1`);
    writeFileSync(log, '');
  }
});
