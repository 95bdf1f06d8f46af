import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { createFakePanelContext, createRecordedOutput, type RecordedOutput } from '#test/support/panel-context.js';
import type { PanelDefinition, PanelSession } from '../../panel/panel.js';
import { createLogsPanel } from './logs.js';

let base: string;
let root: string;
let log: string;
let clock: FakeClock;
let panel: PanelDefinition;
let session: PanelSession;
let outputs: RecordedOutput[];

const begin = async (parameters: Record<string, string> = {}): Promise<void> => {
  outputs = [createRecordedOutput()];
  const context = createFakePanelContext({ parameters: { path: log, ...parameters }, output: outputs[0]!, clock });
  session = await panel.open(context);
};
const text = (): string => outputs.map((output) => output.text).join('');
const events = () => outputs.flatMap((output) => output.events);
const names = (): string[] => events().map((event) => event.name);
/** Runs a script in the directory of the log. */
const sh = (script: string): void => void execFileSync('sh', ['-ec', script], { cwd: root });
const seal = async (): Promise<Uint8Array> => {
  await session.freeze();
  const state = session.checkpoint!();
  await session.close();
  return state;
};
const restore = async (state: Uint8Array): Promise<void> => {
  const output = createRecordedOutput();
  outputs.push(output);
  session = await panel.restore!(createFakePanelContext({ output, clock }), state);
};
/** What happens while the worker is stopped: between two processes. */
const whileStopped = async (script: string): Promise<void> => {
  const state = await seal();
  sh(script);
  await restore(state);
};
const shown = async (end: string): Promise<void> => outputs.at(-1)!.until(() => text().endsWith(end));
const heard = async (name: string): Promise<void> => {
  // A look takes a few turns; the next one is a poll away.
  const ticking = setInterval(() => clock.advance(2000), 5);
  await outputs
    .at(-1)!
    .until((output) => output.events.some((event) => event.name === name))
    .finally(() => clearInterval(ticking));
};
const reading = async (content: string): Promise<void> => {
  writeFileSync(log, content);
  await begin({ from: 'start' });
  await shown(content);
};

jest.setTimeout(60_000);

beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'panelet-follow-')));
  root = join(base, 'log');
  mkdirSync(root);
  log = join(root, 'app.log');
  clock = createFakeClock();
  panel = createLogsPanel({ parameters: { roots: root } });
});
afterEach(async () => {
  await session.close();
  rmSync(base, { recursive: true });
});

describe('logs, while nobody reads: which files are ours', () => {
  test('an archive that was there before is not shown, whatever numbers rotation gives', async () => {
    sh('echo ancient >app.log.1');
    await reading('first\n');
    await whileStopped('mv app.log app.log.2; echo between >app.log; mv app.log app.log.3; echo last >app.log');
    await shown('last\n');
    expect(text()).toBe('first\nbetween\nlast\n');
    expect(names()).toEqual(['rotated', 'rotated']);
  });

  test('the same from a checkpoint of the version before', async () => {
    sh('echo ancient >app.log.1; sleep 0.02');
    await reading('first\n');
    const state = JSON.parse(Buffer.from(await seal()).toString()) as {
      trail: Record<string, unknown> & { files: Record<string, unknown>[] };
    };
    const old = ['dev', 'ino', 'offset', 'tail', 'name', 'directory', 'sizeBytes', 'modifiedNs', 'announced'];
    const { reports, missing } = state.trail;
    const files = state.trail.files.map((file) =>
      Object.fromEntries(Object.entries(file).filter(([name]) => old.includes(name))),
    );
    sh('mv app.log app.log.2; echo between >app.log; mv app.log app.log.3; echo last >app.log');
    await restore(Buffer.from(JSON.stringify({ ...state, trail: { reports, missing, files } })));
    await shown('last\n');
    expect(text()).toBe('first\nbetween\nlast\n');
  });

  test.each([
    ['by number, the newest lowest', 'app.log.3 app.log.2 app.log.1'],
    ['by number, the newest highest', 'app.log.7 app.log.8 app.log.9'],
    ['by date', 'app.log-20260129 app.log-20260130 app.log-20260131'],
    ['by date, before the extension', 'app-20260129.log app-20260130.log app-20260131.log'],
    ['as pm2 does', 'app__2026-01-01_00-00-00.log app__2026-01-02_00-00-00.log app__2026-01-03_00-00-00.log'],
    ['by number, before the extension', 'app.3.log app.2.log app.1.log'],
  ])('several rotations %s', async (_title, archives) => {
    sh('echo ancient >app.log.0; echo ancient >app.log-20251231');
    await reading('first\n');
    const script = archives.split(' ').map((name, index) => `mv app.log ${name}; echo ${index} >app.log`);
    await whileStopped(script.join('; '));
    await shown('2\n');
    expect(text()).toBe('first\n0\n1\n2\n');
    expect(names()).toEqual(['rotated', 'rotated', 'rotated']);
  });

  test('the log of another program with a like name is told of, not shown', async () => {
    await reading('first\n');
    await whileStopped('echo other >app-2.log; mv app.log app.log.1; echo last >app.log');
    await shown('last\n');
    expect(text()).toBe('first\nlast\n');
    expect(events()[0]).toEqual({
      name: 'gap',
      content: { file: 'app-2.log', bytes: 6, reason: 'may be the log of another program' },
    });
  });

  test('a copy is told of, an archive that was unpacked is not: neither is shown', async () => {
    sh('seq 100 >app.log.5; touch -d "2 days ago" app.log.5; gzip app.log.5');
    const content = Array.from({ length: 40 }, (_, index) => `line ${index}\n`).join('');
    await reading(content);
    await whileStopped('gunzip app.log.5.gz; cp app.log app.log.9; mv app.log app.log.1; echo last >app.log');
    await shown('last\n');
    expect(text()).toBe(`${content}last\n`);
    expect(events()[0]).toMatchObject({
      name: 'gap',
      content: { file: 'app.log.9', reason: 'looks like a copy of another file' },
    });
  });

  test('a number that is missing among them is told', async () => {
    await reading('first\n');
    await whileStopped('mv app.log app.log.4; echo a >app.log.3; echo b >app.log.1; echo last >app.log');
    await shown('last\n');
    expect(text()).toBe('first\na\nb\nlast\n');
    expect(names()).toEqual(['rotated', 'gap', 'rotated', 'rotated']);
  });

  test('rotated so often that the file is gone: what is left is shown after a gap', async () => {
    await reading('first\n');
    await whileStopped(
      'mv app.log /dev/shm/x-$$ && rm /dev/shm/x-$$; echo b >app.log; mv app.log app.log.1; echo c >app.log',
    );
    await shown('c\n');
    expect(text()).toBe('first\nb\nc\n');
    expect(names()).toEqual(['gap', 'appeared', 'rotated']);
  });

  test('waits for a file, and shows it although it was rotated before anybody looked', async () => {
    sh('echo ancient >app.log.1');
    await begin();
    await whileStopped('echo a >app.log; mv app.log app.log.2; echo b >app.log');
    await shown('b\n');
    expect(text()).toBe('a\nb\n');
  });
});

describe('logs: truncation while nobody reads', () => {
  const line = (text: string): string => `${text}${'.'.repeat(100)}\n`;

  test('of lines of one length that end alike, and more of them than before', async () => {
    await reading(line('a'));
    await whileStopped(`printf '%s' '${line('b')}${line('c')}' >app.log`);
    await shown(line('c'));
    expect(text()).toBe(line('a') + line('b') + line('c'));
    expect(events()).toEqual([{ name: 'truncated', content: { file: 'app.log', offset: 102 } }]);
  });

  test('the same while the worker runs', async () => {
    await reading(line('a'));
    await session.freeze();
    sh(`printf '%s' '${line('b')}${line('c')}' >app.log`);
    session.thaw();
    await shown(line('c'));
    expect(text()).toBe(line('a') + line('b') + line('c'));
    expect(names()).toEqual(['truncated']);
  });

  test('of a long file that differs in the middle only', async () => {
    const long = Array.from({ length: 3000 }, (_, index) => line(String(index).padStart(5)));
    await reading(long.join(''));
    const other = [...long];
    other[1500] = line(' xxxx');
    const state = await seal();
    writeFileSync(log, `${other.join('')}last\n`);
    await restore(state);
    await shown('last\n');
    expect(names()).toEqual(['truncated']);
    expect(text()).toBe(`${long.join('')}${other.join('')}last\n`);
  });

  test('by the very same bytes, if it was seen longer', async () => {
    await reading('a\n');
    outputs[0]!.setWritable(false);
    sh('echo b >>app.log');
    await whileStopped('echo a >app.log');
    await heard('truncated');
    await shown('a\na\n');
  });

  test('after rotation by copy: the rest is read from the copy', async () => {
    await reading('a\n');
    await whileStopped('echo b >>app.log; cp app.log app.log.1; echo c >app.log');
    await shown('c\n');
    expect(text()).toBe('a\nb\nc\n');
    expect(events()).toEqual([{ name: 'truncated', content: { file: 'app.log', offset: 2, copy: 'app.log.1' } }]);
  });

  test('after rotation by copy, twice', async () => {
    await reading('a\n');
    await whileStopped(
      'echo b >>app.log; cp app.log app.log.1; echo c >app.log; mv app.log.1 app.log.2; cp app.log app.log.1; echo d >app.log',
    );
    await shown('d\n');
    expect(text()).toBe('a\nb\nc\nd\n');
    expect(names()).toEqual(['rotated', 'truncated']);
  });

  test('after rotation by copy, while the worker runs and has seen the copy', async () => {
    sh('echo ancient >app.log.1');
    await reading('a\n');
    sh('mv app.log.1 app.log.2; cp app.log app.log.1');
    clock.advance(2000);
    await session.freeze();
    sh('echo b >>app.log; cp app.log app.log.1; echo c >app.log');
    session.thaw();
    await shown('c\n');
    expect(text()).toBe('a\nb\nc\n');
  });
});

describe('logs: what comes in place of the file', () => {
  test('another file of the same name and size', async () => {
    await reading('aaaa\n');
    sh('echo bbbb >new; mv new app.log');
    await shown('bbbb\n');
    expect(text()).toBe('aaaa\nbbbb\n');
    await whileStopped('echo cccc >new; mv new app.log');
    await shown('cccc\n');
    expect(text()).toBe('aaaa\nbbbb\ncccc\n');
    expect(names()).toEqual(['appeared', 'gap', 'appeared']);
  });

  test('a file made anew with the number of the one before', async () => {
    await reading('aaaa\n');
    await whileStopped('rm app.log; echo aaaa >app.log; echo bbbb >>app.log');
    await shown('bbbb\n');
    expect(text()).toBe('aaaa\naaaa\nbbbb\n');
    expect(names()).toEqual(['gap', 'appeared']);
  });

  test.each([
    ['a directory', 'mkdir app.log', 'is not a regular file'],
    ['a pipe', 'mkfifo app.log', 'is not a regular file'],
    ['a link to nothing', 'ln -s nothing app.log', 'does not exist'],
    ['a link that leads out', 'ln -s /etc/passwd app.log', 'leads nowhere that may be read'],
  ])('%s: missing, with the reason; and a file again', async (_title, script, reason) => {
    await reading('a\n');
    sh(`mv app.log app.log.1; ${script}`);
    await heard('missing');
    expect(events()).toEqual([{ name: 'missing', content: { path: log, reason } }]);
    await whileStopped('rm -r app.log; echo b >app.log');
    await shown('b\n');
    expect(names()).toEqual(['missing', 'rotated']);
  });

  test('a link to another file, and a hard link beside it', async () => {
    await reading('a\n');
    sh('ln app.log app.log.2; mv app.log app.log.1; echo b >b; ln -s b app.log');
    await shown('b\n');
    sh('echo c >>b');
    await shown('c\n');
    expect(text()).toBe('a\nb\nc\n');
  });

  test('a link that led elsewhere while nobody looked: what was there in between is not known', async () => {
    sh('echo a >0.log; ln -s 0.log app.log');
    await begin({ from: 'start' });
    await shown('a\n');
    await whileStopped('echo c >2.log; ln -sfn 2.log app.log');
    await shown('c\n');
    expect(names()).toEqual(['gap', 'appeared']);
  });

  test('a directory of the same name', async () => {
    mkdirSync(join(root, 'd'));
    log = join(root, 'd', 'app.log');
    await reading('a\n');
    await whileStopped('mv d e; mkdir d; echo old >d/app.log.1; echo b >d/app.log');
    await shown('b\n');
    expect(text()).not.toContain('old\na');
    expect(names()).toContain('gap');
  });
});
