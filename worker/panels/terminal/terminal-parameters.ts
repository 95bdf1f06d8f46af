import { accessSync, constants, statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { z } from 'zod';
import { PaneletError } from '#common/errors.js';
import { integerText, readParameters } from '../parameters.js';
import type { PtyProgram } from './pty-fork.js';

/** The environment of the worker's process. */
export type Environment = Readonly<Record<string, string | undefined>>;

const argumentsText = z.string().transform((text, context) => {
  const parsed = z.array(z.string()).safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  context.addIssue({ code: 'custom', message: 'must be a JSON array of strings, for example ["-c","ls"]' });
  return z.NEVER;
});

const schema = z.strictObject({
  command: z.string().min(1).optional(),
  args: argumentsText.optional(),
  cwd: z.string().min(1).optional(),
  rows: integerText(1, 1000).default(24),
  cols: integerText(1, 1000).default(80),
  term: z
    .string()
    .regex(/^[\w.+-]{1,64}$/, 'must be a terminal type, for example xterm-256color')
    .default('xterm-256color'),
});

// What a login passes on; anything else in the worker's environment is nobody's business in a shell.
const inherited = /^(?:PATH|HOME|USER|LOGNAME|SHELL|TZ|LANG|LANGUAGE|LC_[A-Z]+)$/;
const fallbackPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The program that a Hello asks for. Parameters: `command` (name or path; the user's login shell without it), `args`
 * (JSON array of strings), `cwd`, `rows`, `cols`, `term`, and `env.NAME` for each variable to add.
 * @throws PANEL_FAILED with a reason a person understands.
 */
export function readTerminalProgram(
  parameters: Readonly<Record<string, string>>,
  environment: Environment,
  sessionId: string,
): PtyProgram {
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
    ['TERM', options.term],
    ['COLORTERM', 'truecolor'],
    ['PANELET_SESSION', sessionId],
    ...added,
  ]) as Record<string, string>;
  const cwd = findDirectory(options.cwd, variables['HOME']);
  const shell = environment['SHELL'] ?? '/bin/sh';
  return {
    file: findProgram(options.command ?? shell, variables['PATH'] ?? fallbackPath, cwd),
    args: options.args ?? (options.command === undefined ? ['-l'] : []),
    environment: { ...variables, PWD: cwd },
    cwd,
    rows: options.rows,
    cols: options.cols,
  };
}

function entriesOf(environment: Environment): [string, string][] {
  return Object.entries(environment).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
}

function refuse(reason: string): never {
  throw new PaneletError('PANEL_FAILED', `Cannot open the terminal: ${reason}.`);
}

function findDirectory(asked: string | undefined, home: string | undefined): string {
  if (asked === undefined) return home !== undefined && isDirectory(home) ? home : '/';
  if (!isAbsolute(asked)) refuse(`cwd "${asked}" is not an absolute path`);
  if (!isDirectory(asked)) refuse(`cwd "${asked}" is not a directory that can be entered`);
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

function findProgram(command: string, path: string, cwd: string): string {
  const candidates = command.includes('/')
    ? [resolve(cwd, command)]
    : path.split(':').map((directory) => join(directory === '' ? cwd : directory, command));
  return candidates.find(isProgram) ?? refuse(`there is no program "${command}" that may be run`);
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
