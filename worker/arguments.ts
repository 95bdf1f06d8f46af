import { defaultSessionsPerOwner } from '#common/default-sessions-per-owner.js';
import { PaneletError } from '#common/errors/errors.js';
import { parseOptions } from '#common/process/parse-options.js';
import type { LifeLimits } from './sessions/life-limits.js';
import type { SessionsPerOwner } from './sessions/owner-quota.js';

/** What the command line of a worker says. */
export interface WorkerArguments {
  readonly panel: string;
  /** Directory of a panel.yaml, or the file: a program of others. @default a panel that comes with Panelet */
  readonly exec: string | undefined;
  /** Path of the Unix socket to serve on. */
  readonly socket: string;
  readonly stateDir: string;
  readonly node: string;
  /** What the worker is killed with. */
  readonly target: 'agent' | 'host';
  /** Parameters of the panel. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly logLevel: string;
  /** Bound of the drain that SIGTERM starts, in milliseconds. */
  readonly gracePeriodMs: number;
  /** How long a session without a client is kept, in milliseconds. */
  readonly detachTtlMs: number;
  readonly maxSessions: number;
  readonly sessionsPerOwner: SessionsPerOwner;
  readonly lifeLimits: LifeLimits;
  /** How long the worker before this one may still have the state, in milliseconds. */
  readonly lockWaitMs: number;
  /** True: workers of this kind that have the state are not waited for. */
  readonly isBeside: boolean;
}

/** What `panelet-worker --help` prints. */
export const workerUsage = `Usage: panelet-worker --panel <name> --socket <path> --state-dir <dir> --node <name> --target agent|host [options]
       panelet-worker --version

Runs the sessions of one panel and serves them on a Unix socket. Started by panelet-agent; by hand for a look.

  --panel <name>          panel to run
  --exec <dir>            run a program of others, as <dir>/panel.yaml says, which is of this name: one process a session
  --socket <path>         Unix socket to serve on; its directory has mode 0700
  --state-dir <dir>       where session records and checkpoints live
  --node <name>           name of this node, told to clients
  --target agent|host     what the worker is killed with
  --parameter <k=v>       parameter of the panel; repeatable
  --log-level <level>     trace, debug, info, warn, error, fatal or silent (default info)
  --grace-period <s>      bound of the drain on SIGTERM, in seconds (default 25)
  --detach-ttl <s>        how long a session without a client is kept, in seconds (default 900)
  --max-sessions <n>      most sessions at a time (default 1000)
  --owner-sessions <n>    most sessions of one owner, also those without a client (default ${defaultSessionsPerOwner})
  --owner-sessions-of <owner>=<n>
                          the same for an owner by name, as "panelet sessions" shows it; repeatable
  --idle-timeout <s>      end sessions in which nothing is typed or printed for so long, in seconds (default: never)
  --max-age <s>           end sessions that are so old, in seconds (default: never)
  --lock-wait <s>         how long the worker before this one may still have the state, in seconds (default 0)
  --beside                start beside workers that have the state, which keep their sessions, and take up what they
                          leave; one of a release that cannot share its state is waited for

Exit status: 0 ended and nothing was forced · 1 failed, or a session was forced to end · 2 wrong arguments
`;

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

const invalid = (message: string): PaneletError => new PaneletError('CONFIG_INVALID', message);

function parse(argv: readonly string[]) {
  return parseOptions('panelet-worker', {
    args: [...argv],
    allowPositionals: false,
    options: {
      panel: { type: 'string' },
      exec: { type: 'string' },
      socket: { type: 'string' },
      'state-dir': { type: 'string' },
      node: { type: 'string' },
      target: { type: 'string' },
      parameter: { type: 'string', multiple: true },
      'log-level': { type: 'string', default: 'info' },
      'grace-period': { type: 'string', default: '25' },
      'detach-ttl': { type: 'string', default: '900' },
      'max-sessions': { type: 'string', default: '1000' },
      'owner-sessions': { type: 'string', default: String(defaultSessionsPerOwner) },
      'owner-sessions-of': { type: 'string', multiple: true },
      'idle-timeout': { type: 'string' },
      'max-age': { type: 'string' },
      'lock-wait': { type: 'string', default: '0' },
      beside: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      version: { type: 'boolean', default: false },
    },
  });
}

function parametersOf(pairs: readonly string[]): Record<string, string> {
  const parameters: Record<string, string> = {};
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    if (at < 1) throw invalid(`--parameter ${pair} is not of the form key=value.`);
    parameters[pair.slice(0, at)] = pair.slice(at + 1);
  }
  return parameters;
}

function numberOf(flag: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value < least) throw invalid(`--${flag} ${text} must be a number from ${least}.`);
  return value;
}

function quotasOf(pairs: readonly string[]): Record<string, number> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.lastIndexOf('=');
      if (at < 1) throw invalid(`--owner-sessions-of ${pair} is not of the form owner=number.`);
      return [pair.slice(0, at), numberOf('owner-sessions-of', pair.slice(at + 1), 1)];
    }),
  );
}

function millisecondsOf(flag: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : numberOf(flag, text, 1) * 1000;
}

/**
 * Reads the command line of a worker; undefined when it asks for help or the version.
 * @throws CONFIG_INVALID naming the argument
 */
export function parseWorkerArguments(argv: readonly string[]): WorkerArguments | undefined {
  const values = parse(argv);
  if (values.help || values.version) return undefined;
  const required = (flag: 'panel' | 'socket' | 'state-dir' | 'node'): string => {
    const value = values[flag];
    if (value === undefined || value === '') throw invalid(`--${flag} is missing. See panelet-worker --help.`);
    return value;
  };
  const { target } = values;
  if (target !== 'agent' && target !== 'host') throw invalid('--target must be agent or host.');
  const level = values['log-level'];
  if (!levels.includes(level)) throw invalid(`--log-level ${level} is not one of ${levels.join(', ')}.`);
  return {
    panel: required('panel'),
    exec: values.exec,
    socket: required('socket'),
    stateDir: required('state-dir'),
    node: required('node'),
    target,
    parameters: parametersOf(values.parameter ?? []),
    logLevel: level,
    gracePeriodMs: numberOf('grace-period', values['grace-period'], 0) * 1000,
    detachTtlMs: numberOf('detach-ttl', values['detach-ttl'], 0) * 1000,
    maxSessions: numberOf('max-sessions', values['max-sessions'], 1),
    sessionsPerOwner: {
      default: numberOf('owner-sessions', values['owner-sessions'], 1),
      of: quotasOf(values['owner-sessions-of'] ?? []),
    },
    lifeLimits: {
      idleMs: millisecondsOf('idle-timeout', values['idle-timeout']),
      maxAgeMs: millisecondsOf('max-age', values['max-age']),
    },
    lockWaitMs: numberOf('lock-wait', values['lock-wait'], 0) * 1000,
    isBeside: values.beside,
  };
}
