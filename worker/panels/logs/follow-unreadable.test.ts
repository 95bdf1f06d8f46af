import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { createFakePanelContext, createRecordedOutput, type RecordedOutput } from '#test/support/panel-context.js';
import type { PanelSession } from '../../panel/panel.js';
import { createLogsPanel } from './logs.js';

// Root may read everything: these tests follow as nobody, and change files as root.
const asRoot = process.getuid?.() === 0 ? describe : describe.skip;
const nobody = 65_534;

jest.setTimeout(60_000);

asRoot('logs: a worker that may not read everything', () => {
  let base: string;
  let log: string;
  let clock: FakeClock;
  let session: PanelSession;
  let outputs: RecordedOutput[];

  const sh = (script: string): void => {
    process.seteuid!(0);
    execFileSync('sh', ['-ec', script], { cwd: base });
    process.seteuid!(nobody);
  };
  const context = (parameters: Record<string, string> = {}) => {
    outputs.push(createRecordedOutput());
    return createFakePanelContext({ parameters, output: outputs.at(-1)!, clock });
  };
  const panel = () => createLogsPanel({ parameters: { roots: base } });
  const begin = async (): Promise<void> => {
    session = await panel().open(context({ path: log, from: 'start' }));
  };
  const restart = async (script: string): Promise<void> => {
    await session.freeze();
    const state = session.checkpoint!();
    await session.close();
    sh(script);
    session = await panel().restore!(context(), state);
  };
  const text = (): string => outputs.map((output) => output.text).join('');
  const events = () => outputs.flatMap((output) => output.events);
  const until = async (condition: () => boolean): Promise<void> => {
    const ticking = setInterval(() => clock.advance(2000), 5);
    await outputs
      .at(-1)!
      .until(condition)
      .finally(() => clearInterval(ticking));
  };
  const shown = (expected: string): Promise<void> => until(() => text() === expected);
  const heard = (name: string): Promise<void> => until(() => events().some((event) => event.name === name));

  beforeEach(() => {
    // That of the tests is entered by their user alone.
    base = realpathSync(mkdtempSync('/tmp/panelet-unreadable-'));
    chmodSync(base, 0o711);
    log = join(base, 'a.log');
    clock = createFakeClock();
    outputs = [];
    process.seteuid!(nobody);
  });
  afterEach(async () => {
    await session.close();
    process.seteuid!(0);
    rmSync(base, { recursive: true });
  });

  test('follows through rotation in a directory that may be entered and not listed', async () => {
    sh('echo a >a.log');
    await begin();
    await shown('a\n');
    sh('mv a.log a.log.1; echo b >a.log');
    await shown('a\nb\n');
    await restart(
      'mv a.log.1 a.log.2; mv a.log a.log.1; echo c >a.log; mv a.log.1 a.log.3; mv a.log a.log.1; echo d >a.log',
    );
    await shown('a\nb\nc\nd\n');
    expect(events().map(({ name }) => name)).toEqual(['rotated', 'gap', 'rotated', 'rotated']);
  });

  test('tells that files between may be missing, where it cannot look for them', async () => {
    sh('echo a >a.log');
    await begin();
    await shown('a\n');
    sh('mv a.log a.log-20260101; echo b >a.log');
    await shown('a\nb\n');
    const reason = 'the directory may not be listed (EACCES)';
    expect(events()[0]).toEqual({ name: 'gap', content: { file: 'a.log', bytes: 'unknown', reason } });
  });

  test('says that the next file may not be read, and reads it when it may', async () => {
    sh('echo a >a.log');
    await begin();
    await shown('a\n');
    sh('mv a.log a.log.1; echo b >a.log; chmod 0000 a.log');
    await heard('missing');
    expect(events()).toEqual([{ name: 'missing', content: { path: log, reason: 'may not be read (EACCES)' } }]);
    sh('chmod 0644 a.log');
    await shown('a\nb\n');
    expect(events().at(-1)?.name).toBe('rotated');
  });

  test('waits for its file that may not be read after a restart, and goes on where it was', async () => {
    sh('echo a >a.log');
    await begin();
    await shown('a\n');
    await restart('echo b >>a.log; chmod 0000 a.log');
    await heard('missing');
    await restart('true');
    sh('chmod 0644 a.log');
    await shown('a\nb\n');
    expect(events().map(({ name }) => name)).toEqual(['missing', 'appeared']);
  });

  test('gives up a file that may not be read once there is another one', async () => {
    sh('chmod 0755 .; echo a >a.log');
    await begin();
    await shown('a\n');
    await restart('echo b >>a.log; chmod 0000 a.log; mv a.log a.log.1; echo c >a.log');
    await shown('a\nc\n');
    const reason = 'may not be read (EACCES)';
    expect(events()[0]).toMatchObject({ name: 'gap', content: { file: 'a.log', offset: 2, reason } });
  });

  test('tells of a file in between that may not be read, and goes on', async () => {
    sh('chmod 0755 .; echo a >a.log');
    await begin();
    await shown('a\n');
    await restart('mv a.log a.log.2; echo b >a.log; chmod 0000 a.log; mv a.log a.log.1; echo c >a.log');
    await shown('a\nc\n');
    const reason = 'may not be read (EACCES)';
    expect(events()[0]).toEqual({ name: 'gap', content: { file: 'a.log.1', bytes: 2, reason } });
  });
});
