import type { Terminal } from '@xterm/headless';
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { sleep, type Clock, type Timer } from '#common/time/clock.js';
import { createHeadlessTerminal } from '#common/terminal/headless-terminal.js';
import type { PaneletSession } from '#client/sdk.js';
import { processBehind, processNow, watchTrouble } from '#examples/demo/sessions/session-deps.js';
import { restartNamespace, restartOf } from '#test/support/restarts.js';
import type { TestCluster } from '#test/support/test-cluster.js';
import { waitFor } from '#test/support/wait-for.js';
import type { StateChange } from './lane-bars.js';
import { pictureColours as colours } from './picture-frame.js';
import type { ScreenMoment } from './screen-picture.js';
import { readScreenRows, type ScreenRow } from './screen-rows.js';
import { watchAgents, type AgentChange } from './watch-agents.js';

/** Size of vim's window, and rows of the operator's. */
export const recordedSize = { cols: 76, rows: 11, operatorRows: 14 };

/** One session of a recording. */
export interface RecordedSession {
  readonly node: string;
  readonly changes: readonly StateChange[];
  /** When output came. */
  readonly outputMs: readonly number[];
  readonly typedMs: readonly number[];
}

/** What was seen of a real restart; times are milliseconds since the recording began. */
export interface Recording {
  readonly moments: readonly ScreenMoment[];
  /** When kubectl was called. */
  readonly askedMs: number;
  readonly endMs: number;
  readonly agents: readonly AgentChange[];
  readonly sessions: readonly RecordedSession[];
}

/** What a recording needs. */
export interface RecordDeps {
  readonly test: TestCluster;
  readonly clock: Clock;
  readonly kubectl: string;
  readonly vim: string;
  /** An empty directory that vim works in. */
  readonly directory: string;
}

const run = promisify(execFile);
const sampleMs = 200;
const keyMs = 40;
const limitMs = 60_000;
const restartValue = '1';
const inNamespace = ['-n', restartNamespace];
const target = 'ds/panelet-agent';

class WatchedSession implements RecordedSession {
  readonly changes: StateChange[] = [];
  readonly outputMs: number[] = [];
  readonly typedMs: number[] = [];
  readonly failures: string[];
  bytes = 0;

  constructor(
    readonly node: string,
    readonly session: PaneletSession,
    private readonly clock: Clock,
    take: (payload: Uint8Array) => void,
  ) {
    this.failures = watchTrouble(session);
    const become = (state: string): void => void this.changes.push({ atMs: clock.nowMs(), state });
    become('attached');
    session.on('frozen', () => become('held'));
    session.on('reattaching', () => become('waiting'));
    session.on('resumed', () => become('attached'));
    void this.#read(take).catch((error: unknown) => this.failures.push(String(error)));
  }

  get state(): StateChange {
    return this.changes.at(-1) ?? { atMs: 0, state: 'attached' };
  }

  async #read(take: (payload: Uint8Array) => void): Promise<void> {
    for await (const item of this.session) {
      if (item.kind !== 'data') continue;
      this.outputMs.push(this.clock.nowMs());
      this.bytes += item.payload.length;
      take(item.payload);
    }
  }

  async type(text: string): Promise<void> {
    for (const key of text) {
      this.typedMs.push(this.clock.nowMs());
      await this.session.write(key);
      await sleep(this.clock, keyMs);
    }
  }
}

const plainRow = (text: string, colour?: string): ScreenRow => [
  { column: 0, cells: text.length, text, ...(colour === undefined ? {} : { colour }) },
];

function screenWithCursor(terminal: Terminal): ScreenRow[] {
  const { cursorX, cursorY } = terminal.buffer.active;
  const cursor = { column: cursorX, cells: 1, text: ' ', ground: `${colours.faint}80` };
  return readScreenRows(terminal).map((row, index) => (index === cursorY ? [...row, cursor] : row));
}

/** What stands below vim: how the session is. */
function statusRow(session: WatchedSession, nowMs: number): ScreenRow {
  const { atMs, state } = session.state;
  if (state === 'attached') return plainRow('● attached', colours.good);
  if (state === 'held') return plainRow('● held for the drain', colours.warm);
  const typed = session.typedMs.filter((ms) => ms >= atMs).length;
  const waited = ((nowMs - atMs) / 1000).toFixed(1);
  return plainRow(`○ agent restarting, reconnecting: ${waited} s, ${typed} keys typed meanwhile`, colours.hot);
}

function checked(what: string, holds: boolean): void {
  if (!holds) throw new Error(`The picture would not be true: ${what}.`);
}

/** Records vim in a session over a restart that kubectl asks for, and a counting shell on the other node. */
export async function recordRestart({ clock, directory, kubectl, test, vim }: RecordDeps): Promise<Recording> {
  const [first, second] = test.cluster.nodes.map(({ name }) => name);
  if (first === undefined || second === undefined) throw new Error('The recording needs two nodes.');
  mkdirSync(directory, { recursive: true });
  const { cols, operatorRows, rows } = recordedSize;
  const terminal = createHeadlessTerminal({ rows, cols }, 0);
  const opened = await test.client(first).open({
    panel: 'terminal',
    parameters: {
      ...{ command: vim, args: JSON.stringify(['--clean', '-c', 'syntax on', '-c', 'set number', 'notes.md']) },
      ...{ cwd: directory, 'env.HOME': directory, rows: String(rows), cols: String(cols) },
    },
  });
  const editor = new WatchedSession(first, opened, clock, (payload) => terminal.write(payload));
  const script = 'i=0; while :; do i=$((i+1)); echo $i; sleep 0.2; done';
  const counting = await test.client(second).open({
    panel: 'terminal',
    parameters: { command: '/bin/sh', args: JSON.stringify(['-c', script]) },
  });
  const counter = new WatchedSession(second, counting, clock, () => undefined);
  await waitFor('vim to draw', () => editor.bytes > 0, limitMs);
  const before = await processBehind(test.client(first), opened);

  const cluster = ['--kubeconfig', test.cluster.kubeconfig];
  // Who types is never idle: the notice is given in full, and a short one keeps the picture short.
  await run(kubectl, [...cluster, ...inNamespace, 'annotate', target, 'panelet.dev/notice=1s']);
  const agents: AgentChange[] = [];
  const operator: ScreenRow[] = [];
  const moments: ScreenMoment[] = [];
  let beganMs = clock.nowMs();
  let askedMs = beganMs;
  const lines: string[] = [];
  let typing = Promise.resolve();
  const type = (text: string): Promise<void> => (typing = typing.then(() => editor.type(text)));
  const typeLine = (text: string): Promise<void> => {
    lines.push(text);
    return type(lines.length === 1 ? `i${text}` : `\r${text}`);
  };
  const sinceAsked = (): string => `${((clock.nowMs() - askedMs) / 1000).toFixed(1).padStart(5)} s`;

  let sampler: Timer | undefined;
  const sample = (): void => {
    const nowMs = clock.nowMs();
    const panes = [[...screenWithCursor(terminal), statusRow(editor, nowMs)], operator.slice(-operatorRows)];
    moments.push({ atMs: nowMs - beganMs, panes });
    sampler = clock.after(sampleMs, sample);
  };
  const stopWatching = watchAgents(test, clock, (change) => {
    agents.push(change);
    if (operator.length === 0) return;
    operator.push(plainRow(`${sinceAsked()}  ${change.node}  ${change.words}`, colours.faint));
    if (change.node !== first) return;
    if (change.isGone) void typeLine('- the pod of the agent is gone, and I type on without it');
    else if (change.state === 'Ready')
      void typeLine(`- another agent is there; this vim is still process ${before.pid}`);
  });
  try {
    await sleep(clock, 500);
    beganMs = clock.nowMs();
    sample();
    await typeLine('# Notes, typed while the agent is replaced');
    await typeLine('');
    askedMs = clock.nowMs();
    const annotate = [...inNamespace, 'annotate', target, `panelet.dev/restart=${restartValue}`];
    void typeLine('- kubectl has asked for a restart, and I type on');
    operator.push(plainRow(`$ kubectl ${annotate.join(' ')}`));
    const { stdout } = await run(kubectl, [...cluster, ...annotate]);
    operator.push(plainRow(stdout.trim()));
    await waitFor(
      'the restart',
      () => restartOf(test, restartValue)?.status?.phase === 'Succeeded' && counter.state.state === 'attached',
      limitMs,
    );
    operator.push(plainRow(`${sinceAsked()}  the restart has succeeded, nothing was lost`, colours.good));
    await typing;
    await type('\u001b');
    await sleep(clock, 400);
    await type(':w\r');
    const file = join(directory, 'notes.md');
    const saved = (): string => {
      try {
        return readFileSync(file, 'utf8');
      } catch {
        return '';
      }
    };
    await waitFor('vim to save', () => saved() !== '', limitMs);
    await sleep(clock, 4 * sampleMs);
    checked('vim has saved something else than was typed', saved() === `${lines.join('\n')}\n`);
    checked('vim is another process', processNow(before.pid)?.startTime === before.startTime);
    const sessions = restartOf(test, restartValue)?.status?.sessions ?? {};
    checked('sessions were lost', sessions['lost'] === 0 && sessions['forced'] === 0);
    const failures = [...editor.failures, ...counter.failures];
    checked(failures.join('; '), failures.length === 0);
  } finally {
    sampler?.stop();
    stopWatching();
    await Promise.all([opened.terminate(), counting.terminate()]);
  }
  const shift = (ms: number): number => ms - beganMs;
  const relative = ({ changes, node, outputMs, typedMs }: RecordedSession): RecordedSession => ({
    node,
    changes: changes.map((change) => ({ ...change, atMs: shift(change.atMs) })),
    outputMs: outputMs.map(shift),
    typedMs: typedMs.map(shift),
  });
  return {
    moments,
    askedMs: shift(askedMs),
    endMs: shift(clock.nowMs()),
    agents: agents.map((change) => ({ ...change, atMs: shift(change.atMs) })),
    sessions: [relative(editor), relative(counter)],
  };
}
