import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hexOf } from '#common/hex.js';
import { messageOf } from '#common/errors/errors.js';
import { createSeededRandom } from '#common/random.js';
import { createSequenceTracker } from '#test/support/record-stream.js';
import { waitFor } from '#test/support/wait-for.js';
import type { DemoSession } from '../row.js';
import { compareEnds, processBehind, processNow, watchTrouble, type SessionDeps } from './session-deps.js';
import { startTypist } from './typist.js';

// One shell: a counter behind, and in front a loop that carries out what is typed. Both write down what they did.
const script = `
stty -echo
( i=0; while [ ! -e "$DEMO_DIR/stop" ]; do i=$((i+1)); echo "tick $i" >> "$DEMO_DIR/ticks"; echo "tick $i"; sleep 0.03; done
  echo done > "$DEMO_DIR/stopped"; echo "last tick" ) &
while read -r line; do echo "$line" >> "$DEMO_DIR/keys"; echo "ran $line"; done
`;
const limitMs = 15_000;
const keyPauseMs = 15;

/** A shell that counts, and carries out what is typed into it. */
export async function openCounterSession(deps: SessionDeps): Promise<DemoSession> {
  const { client, clock, directory, node } = deps;
  const random = createSeededRandom(deps.seed);
  writeFileSync(join(directory, 'ticks'), '');
  writeFileSync(join(directory, 'keys'), '');
  const session = await client.open({
    panel: 'terminal',
    parameters: { command: '/bin/sh', args: JSON.stringify(['-c', script]), 'env.DEMO_DIR': directory },
  });
  const failures = watchTrouble(session);
  const tracker = createSequenceTracker();
  let output = '';
  let partial = '';
  let ticks = 0;
  let ended = false;

  const takeLine = (line: string): void => {
    const number = /^tick (\d+)$/.exec(line)?.[1];
    if (number === undefined) {
      if (line === 'last tick') ended = true;
      return;
    }
    output += `${line}\n`;
    ticks = Number(number);
    tracker.take(ticks - 1);
  };
  const read = async (): Promise<void> => {
    for await (const item of session) {
      if (item.kind !== 'data') continue;
      const lines = (partial + Buffer.from(item.payload).toString('latin1')).split(/\r?\n/);
      partial = lines.pop() ?? '';
      lines.forEach(takeLine);
    }
  };
  const reading = read().catch((error: unknown) => failures.push(String(error)));
  const before = await processBehind(client, session);
  const line = (index: number): string => `cmd ${index} ${hexOf(random.bytes(4))}`;
  const typist = startTypist({ session, clock, pauseMs: keyPauseMs, lineEnd: '\n', line });
  const fileText = (name: string): string => readFileSync(join(directory, name), 'utf8');

  const settle = async (): Promise<void> => {
    await typist.stop();
    await session.flushed();
    await waitFor('every typed line to be carried out', () => fileText('keys').length >= typist.text.length, limitMs);
    writeFileSync(join(directory, 'stop'), '');
    await waitFor('the counter to stop', () => existsSync(join(directory, 'stopped')) && ended, limitMs);
  };

  return {
    kind: 'shell',
    node,
    progress: () => `tick ${ticks}, ${typist.text.length} keystrokes`,
    setRestarting: (isRestarting) => typist.setRestarting(isRestarting),
    finish: async () => {
      await settle().catch((error: unknown) => failures.push(messageOf(error)));
      const after = processNow(before.pid);
      const { gapsMs } = session.stats();
      await session.terminate();
      await reading;
      const written = fileText('ticks');
      const { lost, duplicated, reordered } = tracker.verdict(written.split('\n').length - 1);
      return {
        kind: 'shell',
        node,
        input: compareEnds(typist.text, fileText('keys')),
        output: compareEnds(written, output),
        ...{ lost, duplicated, reordered },
        gapsMs,
        process: { before, after },
        typedDuringRestarts: typist.typedDuringRestarts,
        failures,
      };
    },
  };
}
