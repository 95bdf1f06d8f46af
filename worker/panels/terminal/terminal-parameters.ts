import { accessSync, constants, statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { z } from 'zod';
import { PaneletError } from '#common/errors/errors.js';
import { terminalSize } from '#common/terminal/terminal-size.js';
import { booleanText, integerText, readParameters } from '../../panel/parameters.js';
import type { PtyProgram } from '../../processes/pty-fork.js';

/** The environment of the worker's process. */
export type Environment = Readonly<Record<string, string | undefined>>;

const argumentsText = z.string().transform((text, context) => {
  const parsed = z.array(z.string()).safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  context.addIssue({ code: 'custom', message: 'must be a JSON array of strings, for example ["-c","ls"]' });
  return z.NEVER;
});

// What a terminal may report (struct winsize); 0 is unknown.
const cellsText = integerText(0, 65_535);

const schema = z.strictObject({
  command: z.string().min(1).optional(),
  args: argumentsText.optional(),
  cwd: z.string().min(1).optional(),
  tty: booleanText.default(true),
  rows: cellsText.optional(),
  cols: cellsText.optional(),
  term: z
    .string()
    .regex(/^[\w.+-]{1,64}$/, 'must be a terminal type, for example xterm-256color')
    .optional(),
});

// What a login passes on; anything else in the worker's environment is nobody's business in a shell.
const inherited = /^(?:PATH|HOME|USER|LOGNAME|SHELL|TZ|LANG|LANGUAGE|LC_[A-Z]+)$/;
const fallbackPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** A program to start, on a terminal or on pipes. */
export interface TerminalProgram extends PtyProgram {
  /** False for three pipes; then the size means nothing. */
  readonly tty: boolean;
}

/** Who runs the program, and what he can reach. */
export interface Login {
  /** The environment of the worker's process. */
  readonly environment: Environment;
  /** Variables of the account, over those of the worker. */
  readonly account: Readonly<Record<string, string>>;
  /** What the session sets, over everything. */
  readonly session: Readonly<Record<string, string>>;
  readonly places: ProgramPlaces;
}

/** Asks what the account that runs the program can do. */
export interface ProgramPlaces {
  /** True for a directory that can be entered. */
  isDirectory(path: string): Promise<boolean>;
  /** The first of these paths that is a program which may be run. */
  findProgram(candidates: readonly string[]): Promise<string | undefined>;
}

/** Asks as this process. */
export const ownPlaces: ProgramPlaces = {
  isDirectory: (path) => Promise.resolve(isDirectory(path)),
  findProgram: (candidates) => Promise.resolve(candidates.find(isProgram)),
};

/**
 * The program that a Hello asks for. Parameters: `command` (name or path; the user's login shell without it), `args`
 * (JSON array of strings), `cwd`, `tty` (`false` for pipes), `rows` and `cols` (0 for unknown: 24 and 80; at most 1000),
 * `term`, and `env.NAME` for each variable to add.
 * @throws PROGRAM_UNKNOWN, PANEL_FAILED with a reason a person understands.
 */
export async function readTerminalProgram(
  parameters: Readonly<Record<string, string>>,
  { environment, account, session, places }: Login,
): Promise<TerminalProgram> {
  const entries = Object.entries(parameters);
  const isVariable = ([key]: [string, string]): boolean => key.startsWith('env.');
  const options = readParameters('terminal', schema, Object.fromEntries(entries.filter((entry) => !isVariable(entry))));
  const login = entriesOf(environment).filter(([name]) => inherited.test(name));
  const added = entries.filter(isVariable).map(([key, value]): [string, string] => [key.slice('env.'.length), value]);
  for (const [name] of added) {
    if (!/^[A-Za-z_]\w*$/.test(name)) refuse(`"env.${name}": a variable needs a name of letters, digits and _`);
  }
  const variables = Object.fromEntries([
    ['PATH', fallbackPath],
    ...login,
    ...Object.entries(account),
    ...terminalVariables(options),
    ...added,
    ...Object.entries(session),
  ]) as Record<string, string>;
  const cwd = await findDirectory(places, options.cwd, variables['HOME']);
  const shell = environment['SHELL'] ?? '/bin/sh';
  const command = options.command ?? shell;
  const file = await places.findProgram(candidatesOf(command, variables['PATH'] ?? fallbackPath, cwd));
  if (file === undefined) throw unknownProgram(command);
  return {
    file,
    args: options.args ?? (options.command === undefined ? ['-l'] : []),
    environment: { ...variables, PWD: cwd },
    cwd,
    tty: options.tty,
    ...terminalSize(options),
  };
}

// Without a terminal there is no type of it, as with ssh.
function terminalVariables({ tty, term }: { tty: boolean; term?: string | undefined }): [string, string][] {
  if (!tty) return term === undefined ? [] : [['TERM', term]];
  return [
    ['TERM', term ?? 'xterm-256color'],
    ['COLORTERM', 'truecolor'],
  ];
}

function entriesOf(environment: Environment): [string, string][] {
  return Object.entries(environment).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
}

function unknownProgram(command: string): PaneletError {
  return new PaneletError('PROGRAM_UNKNOWN', `There is no program "${command}" here that may be run.`);
}

function refuse(reason: string): never {
  throw new PaneletError('PANEL_FAILED', `Cannot start the program: ${reason}.`);
}

async function findDirectory(
  places: ProgramPlaces,
  asked: string | undefined,
  home: string | undefined,
): Promise<string> {
  if (asked === undefined) return home !== undefined && (await places.isDirectory(home)) ? home : '/';
  if (!isAbsolute(asked)) refuse(`cwd "${asked}" is not an absolute path`);
  if (!(await places.isDirectory(asked))) refuse(`cwd "${asked}" is not a directory that can be entered`);
  return asked;
}

function isDirectory(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function candidatesOf(command: string, path: string, cwd: string): string[] {
  if (command.includes('/')) return [resolve(cwd, command)];
  return path.split(':').map((directory) => join(directory === '' ? cwd : directory, command));
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
