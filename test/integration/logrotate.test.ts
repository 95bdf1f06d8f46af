import { execFileSync, spawnSync } from 'node:child_process';
import { appendFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { receiptOfDrain, startDrain } from '#test/support/gate-calls.js';
import { temporaryDirectory } from '#test/support/running-worker.js';
import { TextClient } from '#test/support/text-client.js';
import { spawnWorker, type WorkerProcess } from '#test/support/worker-process.js';

// Debian's package logrotate.
const program = 'logrotate';
const hasLogrotate = spawnSync(program, ['--version']).status === 0;
const withLogrotate = hasLogrotate ? describe : describe.skip;

jest.setTimeout(120_000);

withLogrotate('a log that logrotate rotates, of a real worker', () => {
  let dir: string;
  let logs: string;
  let file: string;
  let worker: WorkerProcess;
  let client: TextClient;
  let lines: number;
  let rotations: number;

  const start = async (): Promise<void> => {
    worker = spawnWorker({ dir, panel: 'logs', args: ['--parameter', `roots=${logs}`] });
    await worker.ready;
  };
  const stop = async (): Promise<void> => {
    await receiptOfDrain(startDrain(worker.gate, { noticeMs: 0 }));
    await worker.end();
  };
  const append = async (): Promise<void> => {
    await appendFile(file, `line ${String(lines++).padStart(4, '0')} ${'.'.repeat(80)}\n`);
  };
  const rotate = async (options: readonly string[]): Promise<void> => {
    await configure(options.map((option) => option.replace('COUNT', String(++rotations))));
    execFileSync(program, ['--force', '--state', join(dir, 'state-of-logrotate'), join(dir, 'logrotate.conf')]);
  };
  const configure = async (options: readonly string[]): Promise<void> => {
    const text = [`${file} {`, '  rotate 20', '  su root root', ...options.map((option) => `  ${option}`), '}', ''];
    await writeFile(join(dir, 'logrotate.conf'), text.join('\n'), { mode: 0o600 });
  };
  const numbers = (): readonly number[] =>
    [...client.text.matchAll(/^line (\d{4}) /gm)].map(([, text]) => Number(text));
  const shown = async (): Promise<void> => {
    await client.shows(new RegExp(`line ${String(lines - 1).padStart(4, '0')} `));
  };
  const eventNames = (): readonly string[] =>
    client.items.flatMap((item) =>
      item.kind === 'event' && item.event.kind?.$case === 'panel' ? [item.event.kind.value.name] : [],
    );

  beforeEach(async () => {
    dir = await temporaryDirectory();
    logs = join(dir, 'logs');
    file = join(logs, 'app.log');
    await mkdir(logs, { mode: 0o755 });
    lines = 0;
    rotations = 0;
    await append();
    await start();
    client = new TextClient({ socket: worker.socket, panel: 'logs', parameters: { path: file, from: 'start' } });
    await client.attach();
    await shown();
  });
  afterEach(async () => {
    await client.close();
    await worker.end();
    await rm(dir, { recursive: true, force: true });
  });

  test.each([
    ['create', ['create']],
    ['copytruncate', ['copytruncate']],
    ['delaycompress', ['create', 'compress', 'delaycompress']],
    ['dateext', ['create', 'dateext', 'dateformat -%Y%m%d-COUNT']],
    ['extension', ['create', 'extension .log']],
    ['nocreate', ['nocreate']],
  ])('%s: every line once, while it runs and over a restart', async (_title, options) => {
    await append();
    await shown();
    await rotate(options);
    await append();
    await shown();
    await stop();
    await append();
    await rotate(options);
    await append();
    await start();
    await client.attach();
    await shown();
    expect(numbers()).toEqual(Array.from({ length: lines }, (_, number) => number));
    expect(eventNames()).not.toContain('gap');
  });

  test.each([
    ['create', ['create'], []],
    ['copytruncate', ['copytruncate'], []],
    ['compress', ['create', 'compress'], [2, 3, 4]],
  ])('%s, several times over a restart: every line once, or a gap', async (_title, options, lost) => {
    await append();
    await shown();
    await stop();
    for (let times = 0; times < 3; times++) {
      await append();
      await rotate(options);
    }
    await append();
    await start();
    await client.attach();
    await shown();
    const all = Array.from({ length: lines }, (_, number) => number);
    expect(numbers()).toEqual(all.filter((number) => !(lost as readonly number[]).includes(number)));
    expect(eventNames().includes('gap')).toBe(lost.length > 0);
  });
});
