import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cliProgram } from './cli-user.js';
import { waitFor } from './wait-for.js';

/** `panelet board` as a process of its own. */
export interface BoardProcess {
  /** What it wrote, on both outputs. */
  readonly text: string;
  /** Its address without a token. */
  readonly address: string;
  /** An address with a token, as the key `a` shows it. */
  freshAddress(): Promise<string>;
  type(text: string): void;
  /** No more keys. */
  endInput(): void;
  signal(name: NodeJS.Signals): void;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
}

/** The CLI below a directory, beside a page of one line: the board's own is not what is tried. */
export function installBoard(directory: string): string {
  const program = join(directory, 'bin', 'panelet.js');
  for (const name of ['bin', 'board']) mkdirSync(join(directory, name), { recursive: true });
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }\n');
  writeFileSync(join(directory, 'board', 'index.html'), '<!doctype html><title>Board</title>\n');
  copyFileSync(cliProgram, program);
  return program;
}

/** Starts a board. Resolves once it serves. @throws with what it said when it ends before */
export async function startBoardProcess(
  program: string,
  args: readonly string[],
  env: Record<string, string>,
): Promise<BoardProcess> {
  const child = spawn(process.execPath, [program, 'board', '--no-open', ...args], { env });
  let text = '';
  let exit: number | string | undefined;
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece: Buffer) => (text += piece.toString()));
  const ended = new Promise<number | string>((resolve) => {
    child.on('close', (code, signal) => {
      exit = code ?? signal ?? '?';
      resolve(exit);
    });
  });
  await waitFor('the board', () => text.includes('Keys: ') || exit !== undefined, 60_000);
  if (exit !== undefined) throw new Error(text);
  const addresses = (): readonly string[] => [...text.matchAll(/^http:\S+#token=\S+$/gm)].map(([line]) => line);
  return {
    get text() {
      return text;
    },
    address: /http:\/\/127\.0\.0\.1:\d+/.exec(text)?.[0] ?? '',
    freshAddress: async () => {
      const known = addresses().length;
      child.stdin.write('a');
      await waitFor('an address', () => addresses().length > known);
      return addresses().at(-1) ?? '';
    },
    type: (keys) => child.stdin.write(keys),
    endInput: () => child.stdin.end(),
    signal: (name) => child.kill(name),
    ended,
  };
}
