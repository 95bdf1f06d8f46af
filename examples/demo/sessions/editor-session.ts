import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hexOf } from '#common/hex.js';
import { messageOf } from '#common/errors/errors.js';
import { sleep } from '#common/time/clock.js';
import { createSeededRandom } from '#common/random.js';
import type { PaneletSession } from '#client/sdk.js';
import { waitFor } from '#test/support/wait-for.js';
import type { DemoRow, DemoSession } from '../row.js';
import { compareEnds, processBehind, processNow, watchTrouble, type SessionDeps } from './session-deps.js';
import { startTypist } from './typist.js';
import { watchScreen } from './screen-watch.js';

/** An editor that this machine has, and how to use it. */
export interface Editor {
  readonly name: string;
  readonly path: string;
  /** Keys before the text. */
  readonly begin: readonly string[];
  /** Keys that save and leave. */
  readonly saveAndLeave: readonly string[];
}

const escape = '\u001b';

/** Editors in order of preference. */
export const editors: readonly Omit<Editor, 'path'>[] = [
  { name: 'vi', begin: ['i'], saveAndLeave: [escape, ':wq', '\r'] },
  { name: 'nano', begin: [], saveAndLeave: ['\u000f', '\r', '\u0018'] },
];

const limitMs = 15_000;
const keyPauseMs = 20;
// An editor tells a lone Escape from the start of a key's sequence by the silence behind it.
const escapePauseMs = 400;

async function press(deps: SessionDeps, session: PaneletSession, keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    await session.write(key);
    await sleep(deps.clock, escapePauseMs);
  }
}

/** An editor into which a text is typed through every restart, and which saves it at the end. */
export async function openEditorSession(deps: SessionDeps, editor: Editor): Promise<DemoSession> {
  const { client, clock, directory, node } = deps;
  const random = createSeededRandom(deps.seed);
  const file = join(directory, 'text.txt');
  const kind = editor.name;
  const session = await client.open({
    panel: 'terminal',
    // An empty home: nobody's settings change what is typed.
    parameters: { command: editor.path, args: JSON.stringify([file]), cwd: directory, 'env.HOME': directory },
  });
  const failures = watchTrouble(session);
  const screen = watchScreen(session, failures);
  await waitFor(`${editor.name} to draw its screen`, () => screen.outputBytes > 0, limitMs);
  await sleep(clock, escapePauseMs);
  const before = await processBehind(client, session);
  await press(deps, session, editor.begin);
  const line = (index: number): string => `line ${index} ${hexOf(random.bytes(8))}`;
  const typist = startTypist({ session, clock, pauseMs: keyPauseMs, lineEnd: '\r', line });

  const saved = (): string => (existsSync(file) ? readFileSync(file, 'utf8') : '');
  const row = (after: DemoRow['process'], gapsMs: readonly number[]): DemoRow => {
    // The last Return of the typist opens an empty line, which the editor ends when it saves.
    const typed = `${typist.text.replaceAll('\r', '\n')}\n`;
    const content = saved();
    const wanted = typed.split('\n');
    const found = content.split('\n');
    const seen = new Set(found);
    const lost = wanted.filter((text) => !seen.has(text)).length;
    const duplicated = found.filter((text, index) => text !== '' && found.indexOf(text) !== index).length;
    const kept = found.filter((text) => text !== '' && wanted.includes(text));
    const reordered = kept.filter(
      (text, index) => index > 0 && wanted.indexOf(text) < wanted.indexOf(kept[index - 1] ?? ''),
    ).length;
    return {
      ...{ kind, node, gapsMs, failures, lost, duplicated, reordered },
      input: compareEnds(typed, content),
      ...(after === undefined ? {} : { process: after }),
      typedDuringRestarts: typist.typedDuringRestarts,
    };
  };

  return {
    kind,
    node,
    progress: () => `${typist.text.length} keystrokes, ${screen.outputBytes} bytes drawn`,
    setRestarting: (isRestarting) => typist.setRestarting(isRestarting),
    finish: async () => {
      let after = undefined as DemoRow['process'];
      try {
        await typist.stop();
        after = { before, after: processNow(before.pid) };
        await press(deps, session, editor.saveAndLeave);
        await waitFor(`${editor.name} to save and leave`, () => screen.exitCode !== undefined, limitMs);
        if (screen.exitCode !== 0) failures.push(`${editor.name} ended with ${screen.exitCode ?? 'nothing'}`);
      } catch (error) {
        failures.push(messageOf(error));
      }
      const { gapsMs } = session.stats();
      await session.terminate();
      await screen.reading;
      return row(after, gapsMs);
    },
  };
}
