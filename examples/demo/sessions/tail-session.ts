import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hexOf } from '#common/hex.js';
import { messageOf } from '#common/errors/errors.js';
import { sleep } from '#common/time/clock.js';
import { createSeededRandom } from '#common/random.js';
import { createSequenceTracker } from '#test/support/record-stream.js';
import { formatBytes } from '#test/support/text-table.js';
import { waitFor } from '#test/support/wait-for.js';
import type { DemoSession } from '../row.js';
import { compareEnds, watchTrouble, type SessionDeps } from './session-deps.js';

const limitMs = 15_000;
const linePauseMs = 5;
// Like logrotate, once on the way.
const rotateAtLine = 400;

interface Writer {
  readonly lines: number;
  stop(): Promise<void>;
  text(): string;
}

function startWriter({ clock, directory, seed }: SessionDeps): Writer {
  const file = join(directory, 'app.log');
  const rotated = join(directory, 'app.log.1');
  const random = createSeededRandom(seed);
  let lines = 0;
  let stopped = false;
  writeFileSync(file, '');
  writeFileSync(rotated, '');
  const write = async (): Promise<void> => {
    while (!stopped) {
      lines += 1;
      appendFileSync(file, `${lines} ${hexOf(random.bytes(40))}\n`);
      if (lines === rotateAtLine) {
        renameSync(file, rotated);
        writeFileSync(file, '');
      }
      await sleep(clock, linePauseMs);
    }
  };
  const writing = write();
  return {
    get lines() {
      return lines;
    },
    stop: () => {
      stopped = true;
      return writing;
    },
    text: () => readFileSync(rotated, 'utf8') + readFileSync(file, 'utf8'),
  };
}

/** Follows a file that is being written, and rotated once. */
export async function openTailSession(deps: SessionDeps): Promise<DemoSession> {
  const { client, directory, node } = deps;
  const kind = 'log tail';
  const writer = startWriter(deps);
  const session = await client.open({ panel: 'logs', parameters: { path: join(directory, 'app.log'), from: 'start' } });
  const failures = watchTrouble(session);
  const tracker = createSequenceTracker();
  let received = '';
  let partial = '';
  const take = (text: string): void => {
    received += text;
    const lines = (partial + text).split('\n');
    partial = lines.pop() ?? '';
    for (const line of lines) tracker.take(Number.parseInt(line, 10) - 1);
  };
  const read = async (): Promise<void> => {
    for await (const item of session) {
      if (item.kind === 'data') take(Buffer.from(item.payload).toString('latin1'));
      if (item.kind === 'event' && item.name === 'gap') failures.push('the panel told of a gap in the file');
    }
  };
  const reading = read().catch((error: unknown) => failures.push(String(error)));
  return {
    kind,
    node,
    progress: () => `${writer.lines} lines, ${formatBytes(received.length)} followed`,
    setRestarting: () => undefined,
    finish: async () => {
      await writer.stop();
      const written = writer.text();
      try {
        await waitFor('the rest of the file', () => received.length >= written.length, limitMs);
      } catch (error) {
        failures.push(messageOf(error));
      }
      const { gapsMs } = session.stats();
      await session.terminate();
      await reading;
      const { lost, duplicated, reordered } = tracker.verdict(writer.lines);
      return { kind, node, output: compareEnds(written, received), lost, duplicated, reordered, gapsMs, failures };
    },
  };
}
