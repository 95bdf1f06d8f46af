import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createSequenceScanner } from '#common/terminal/control-sequences.js';
import { createTerminalModes } from '#common/terminal/terminal-modes.js';
import { podCondition } from '#devcluster/launcher/pod.js';
import { cliEnvironment, cliProgram } from '#test/support/cli-user.js';
import {
  clusterStateOf,
  kubectl,
  podsOf,
  startDevClusterProcess,
  type DevClusterProcess,
} from '#test/support/devcluster-process.js';
import { hasProgram, hasTmux, startTmux, type TmuxTerminal } from '#test/support/tmux.js';
import { waitFor } from '#test/support/wait-for.js';

// Real processes, on machines that may be busy.
jest.setTimeout(100_000);

// All widths that tmux has too; see the record of decision 33 for what terminals differ in.
const wide =
  '\\033[2J\\033[1;1H📦\\033[1;3H|a\\033[2;1H漢字\\033[2;5H|b\\033[3;1H👨‍👩‍👧\\033[3;3H|c\\033[4;1He\u0301🇩🇪\\033[4;4H|d\\033[5;1H';
// What a program leaves: nothing of it may stay on the user's terminal.
const modes =
  '\\033[?1049h\\033[>1u\\033[2J\\033[H\\033[31mfull screen\\033[0m\\033[?7l\\033[4h\\033[?1h\\033=\\033[?1003;1006h\\033[?1004;2004h' +
  '\\033[>4;2m\\033[3;10r\\033[?6h\\033[?25l\\033[4 q\\033]2;a title\\007\\033]12;red\\007\\033[?1007;1034l\\033[2;1Hin the margins\\033)0';

/** Name, command, what it shows, and keys that end it. */
type Program = readonly [string, string, string, string];

/** A program on a terminal that was attached to twice. */
interface Started {
  readonly name: string;
  readonly terminal: TmuxTerminal;
  readonly drawn: string;
  readonly drawnModes: string;
  readonly end: string;
}

const programs: readonly Program[] = [
  ['wide characters', `clear; printf '${wide}'; cat`, '|d', ''],
  ['modes', `printf '${modes}'; stty -echo; cat`, 'full screen', ''],
  ['vim', 'vim -u NONE -c "set number mouse=a encoding=utf-8 hlsearch" -c "/line" text', 'line 8', '\x1b:q!\r'],
  ['less', 'less -R text', 'line 8', 'q'],
  ['htop', "sh -c 'htop </dev/tty & echo $! >clock; wait'", 'Load average', 'q'],
];

const describeWithTmux = hasTmux ? describe : describe.skip;

describeWithTmux('an attached terminal (needs tmux)', () => {
  let dir = '';
  let cluster: DevClusterProcess;
  let attach = '';
  const terminals: TmuxTerminal[] = [];

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'panelet-dc-'));
    cluster = startDevClusterProcess(dir, ['--nodes', '1']);
    await cluster.started;
    await waitFor('a Ready pod', isReady, 60_000);
    const { subnet } = clusterStateOf(dir);
    const token = join(dir, 'tokens', 'alice');
    attach = `node ${cliProgram} attach -a ${subnet}.10:7443 --plaintext --token-file ${token}`;
    const lines = Array.from({ length: 60 }, (_, index) => `line ${index} 📦 漢字 é`);
    writeFileSync(join(dir, 'text'), `${lines.join('\n')}\n`);
  });
  afterAll(async () => {
    for (const terminal of terminals) terminal.close();
    cluster.child.kill('SIGTERM');
    await cluster.ended;
    rmSync(dir, { recursive: true, force: true });
  });
  async function isReady(): Promise<boolean> {
    const pods = await podsOf(dir);
    return pods.length === 1 && pods.every((pod) => podCondition(pod, 'Ready')?.status === 'True');
  }
  const restart = async (): Promise<void> => {
    const [before] = await podsOf(dir);
    const value = `panelet.dev/restart=${Date.now()}`;
    await kubectl(dir, 'annotate', '--overwrite', 'daemonset/panelet-agent', value);
    const isOther = async (): Promise<boolean> => (await podsOf(dir))[0]?.metadata.uid !== before?.metadata.uid;
    await waitFor('another pod', async () => (await isOther()) && (await isReady()), 60_000);
  };
  const detach = async (terminal: TmuxTerminal): Promise<void> => {
    terminal.type('\x1dd');
    await terminal.sees(/come back with/);
  };
  /** Modes that are left on the terminal, by another reading of everything that was written to it. */
  const left = (terminal: TmuxTerminal): string => {
    const state = createTerminalModes();
    createSequenceScanner((sequence) => state.take(sequence)).push(terminal.written());
    return state.again({ row: 1, col: 1 });
  };

  /** Its screen has a clock, and changes by itself while it runs. */
  const toHtop = (signal: 'SIGSTOP' | 'SIGCONT'): void => {
    process.kill(Number(readFileSync(join(dir, 'clock'), 'utf8')), signal);
  };
  const start = async ([name, run, shows, end]: Program): Promise<Started> => {
    const home = mkdtempSync(join(dir, 'tmux-'));
    const terminal = startTmux(home, cliEnvironment(home, { LANG: 'C.UTF-8' }));
    terminals.push(terminal);
    // A shell of root does not take it from its environment.
    terminal.type("PS1='out''side$ '\r");
    await terminal.sees('outside$');
    const before = terminal.modes().replace(/cursor_[xy]=\d+/g, '');
    terminal.type(`${attach} --param env.LANG=C.UTF-8 --param cwd=${dir} -- sh\r`);
    await terminal.sees('detaches');
    terminal.type("PS1='in''side$ '\r");
    await terminal.sees('inside$');
    terminal.type(`${run}\r`);
    await terminal.sees(shows);
    if (name === 'htop') toHtop('SIGSTOP');
    const drawn = await terminal.settled();
    const drawnModes = terminal.modes();

    await detach(terminal);
    expect([name, terminal.modes().replace(/cursor_[xy]=\d+/g, '')]).toEqual([name, before]);
    expect([name, left(terminal).replace(ownModes, '')]).toEqual([name, '']);

    terminal.type(`clear; ${attach} --resume\r`);
    await terminal.becomes(drawn, drawnModes);
    return { name, terminal, drawn, drawnModes, end };
  };
  const comeBack = async ({ name, terminal, drawn, drawnModes, end }: Started): Promise<void> => {
    await terminal.becomes(drawn, drawnModes);
    await detach(terminal);
    terminal.type(`clear; ${attach} --resume\r`);
    await terminal.becomes(drawn, drawnModes);
    if (end !== '') {
      if (name === 'htop') toHtop('SIGCONT');
      terminal.type(end);
      await terminal.sees('inside$');
    }
    await detach(terminal);
  };

  test('shows wide characters, modes, vim, less and htop as they were after a re-attach and after a planned restart', async () => {
    const started: Started[] = [];
    for (const program of programs) {
      const [name] = program;
      if (!['vim', 'less', 'htop'].includes(name) || hasProgram(name, '--version')) started.push(await start(program));
      else console.warn(`${name} is not here: nothing is tested with it.`);
    }
    await restart();
    for (const one of started) await comeBack(one);
    expect(readFileSync(join(dir, 'text'), 'utf8')).toContain('line 59');
  });
});

// What each terminal has in its own way is restored by XTRESTORE, which is no switch.
// eslint-disable-next-line no-control-regex -- What is looked for.
const ownModes = /\x1b\[\?(?:1007|1034)[hl]|\x1b\][12];[^\x1b]*\x1b\\/g;
