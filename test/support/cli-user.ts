import { spawn } from 'node:child_process';
import { join } from 'node:path';
import headless from '@xterm/headless';
import pty from '@lydell/node-pty';
import { waitFor } from './wait-for.js';

/** The CLI as `npm run bundle` has built it. */
export const cliProgram = join(import.meta.dirname, '..', '..', 'dist', 'bin', 'panelet.js');

/** How a CLI process ended. */
export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Environment of a CLI process: nothing of the person who runs the tests. */
export function cliEnvironment(home: string, extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const { PATH } = process.env;
  return { PATH: PATH ?? '', HOME: home, XDG_STATE_HOME: join(home, 'state'), TERM: 'xterm-256color', ...extra };
}

/** How the CLI is run between pipes. */
export interface RunCliOptions {
  readonly env: Record<string, string>;
  readonly input?: string;
  readonly killAfterMs?: number;
  /** Path that it is started by, where its name matters. @default {@link cliProgram} */
  readonly program?: string;
}

/** Runs the CLI between pipes to its end. */
export function runCliProcess(args: readonly string[], options: RunCliOptions): Promise<CliResult> {
  const child = spawn(process.execPath, [options.program ?? cliProgram, ...args], { env: options.env });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const timer = setTimeout(() => child.kill('SIGKILL'), options.killAfterMs ?? 20_000);
  return new Promise((resolve) => {
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr });
    });
  });
}

/** A person at a real pseudoterminal that runs the CLI. */
export interface CliUser {
  type(text: string): void;
  resize(rows: number, cols: number): void;
  /** Sends a signal to the CLI. */
  signal(name: string): void;
  /** The rows of the screen, without trailing blanks. */
  screen(): string[];
  /** Waits until the screen shows this. @throws with the screen. */
  sees(what: string | RegExp, timeoutMs?: number): Promise<void>;
  /** Waits until the screen does not show this. */
  seesNo(what: string, timeoutMs?: number): Promise<void>;
  /** Everything that was written to the terminal. */
  readonly raw: string;
  readonly exit: Promise<number>;
  close(): void;
}

/**
 * Starts the CLI on a pseudoterminal of 20 rows and 80 columns.
 * @param before what a shell does on that terminal first. @default nothing
 */
export function startCliUser(args: readonly string[], env: Record<string, string>, before = ':'): CliUser {
  const size = { rows: 20, cols: 80 };
  const command = ['-c', `${before}; exec "$@"`, 'sh', process.execPath, cliProgram, ...args];
  const child = pty.spawn('/bin/sh', command, { ...size, env, name: 'xterm-256color' });
  const terminal = new headless.Terminal({ ...size, allowProposedApi: true });
  let raw = '';
  child.onData((text) => {
    raw += text;
    terminal.write(text);
  });
  const exit = new Promise<number>((resolve) => child.onExit(({ exitCode }) => resolve(exitCode)));
  const screen = (): string[] => {
    const { active } = terminal.buffer;
    return Array.from(
      { length: terminal.rows },
      (_, row) => active.getLine(active.baseY + row)?.translateToString(true) ?? '',
    );
  };
  const until = async (holds: () => boolean, what: string, timeoutMs: number): Promise<void> => {
    await waitFor(what, holds, timeoutMs).catch((cause: unknown) => {
      throw new Error(`${what}\n${screen().join('\n')}`, { cause });
    });
  };
  return {
    type: (text) => child.write(text),
    resize: (rows, cols) => {
      child.resize(cols, rows);
      terminal.resize(cols, rows);
    },
    signal: (name) => child.kill(name),
    screen,
    sees: (what, timeoutMs = 30_000) =>
      until(
        () => (typeof what === 'string' ? screen().join('\n').includes(what) : what.test(screen().join('\n'))),
        `The screen does not show ${String(what)}:`,
        timeoutMs,
      ),
    seesNo: (what, timeoutMs = 30_000) =>
      until(() => !screen().join('\n').includes(what), `The screen still shows ${what}:`, timeoutMs),
    get raw() {
      return raw;
    },
    exit,
    close: () => {
      try {
        child.kill('SIGKILL');
      } catch {
        // It has ended already.
      }
      terminal.dispose();
    },
  };
}
