import { isPaneletError, PaneletError } from '#common/errors/errors.js';
import type { PaneletClient } from '../../panelet-client.js';
import type { PaneletSession } from '../../session/panelet-session.js';
import { withAgent } from '../access/agent-access.js';
import { exitCodeOfOutcome } from './attach-command.js';
import { sayWaiting, type CliContext } from '../access/cli-context.js';
import type { CliWorld } from '../io/cli-world.js';
import { createPlainStatusLine, showConnection } from './connection-status.js';
import { endOrLeave } from './end-or-leave.js';
import { reportError } from '../io/error-report.js';
import { exitCodes } from '../io/exit-codes.js';
import { createLabelledOutput, type LabelledSource } from '../io/labelled-output.js';
import { logNote } from './log-notes.js';
import { readOutput, type SessionOutcome } from './read-output.js';
import { readParams } from './session-options.js';
import { silentAddressText } from '../access/silent-address.js';

/** Flags of `logs`. */
export interface LogsFlags {
  readonly panel: string;
  readonly follow?: boolean;
  /** The last so many lines; all when not set, or -1. */
  readonly tail?: number;
  /** The same by its older name. */
  readonly lines?: number;
  /** Only lines since then. */
  readonly since?: string;
  /** The name of the file before each line. */
  readonly prefix?: boolean;
  readonly param?: readonly string[];
}

/**
 * `panelet logs`: the lines of files, as they are written. Several files are read one after the other, or followed at
 * once; one that cannot be read does not keep the others from being shown.
 */
export async function logsCommand(context: CliContext, paths: readonly string[], flags: LogsFlags): Promise<number> {
  const { world } = context;
  const style = flags.prefix === true ? 'prefix' : paths.length > 1 ? 'headers' : 'none';
  const output = createLabelledOutput(world.stdout, style);
  requireNamespace(context);
  return withAgent(context, {}, async (client, { way: { address } }) => {
    const show = (path: string): Promise<number> =>
      showLog({ context, client, path, flags, source: output(path), address });
    const [only] = paths;
    if (paths.length === 1 && only !== undefined) return show(only);
    const showAmong = (path: string): Promise<number> => show(path).catch((error: unknown) => sayAmong(context, error));
    if (flags.follow === true) return firstFailure(await Promise.all(paths.map(showAmong)));
    const codes: number[] = [];
    for (const path of paths) if (!world.stop.aborted && !world.stdout.destroyed) codes.push(await showAmong(path));
    return firstFailure(codes);
  });
}

function firstFailure(codes: readonly number[]): number {
  return codes.find((code) => code !== exitCodes.ok.code) ?? exitCodes.ok.code;
}

/** Says what is wrong with one file of several. @throws what is wrong with all of them */
function sayAmong(context: CliContext, error: unknown): number {
  const isOfFile = isPaneletError(error, 'PANEL_FAILED') || isPaneletError(error, 'LIMIT_EXCEEDED');
  if (!isOfFile) throw error;
  return reportError(context.world, error, { format: 'table', verbose: context.flags.verbose === true });
}

interface LogShow {
  readonly context: CliContext;
  readonly client: PaneletClient;
  readonly path: string;
  readonly flags: LogsFlags;
  readonly source: LabelledSource;
  readonly address: string | undefined;
}

async function showLog({ context, client, path, flags, source, address }: LogShow): Promise<number> {
  const { world } = context;
  const session = await client.open({
    panel: flags.panel,
    parameters: { path, ...logParameters(flags) },
    signal: world.stop,
    onWaiting: sayWaiting(context),
  });
  const outcome = await runLog(session, { world, path, source, address });
  return exitCodeOfOutcome(outcome, world.stop);
}

// As tail has it; here -n is the namespace, as for kubectl.
function requireNamespace({ flags: { namespace } }: CliContext): void {
  if (namespace === undefined || !/^\d+$/.test(namespace)) return;
  throw new PaneletError(
    'CONFIG_INVALID',
    `-n names a namespace. For the last ${namespace} lines: --tail ${namespace}`,
  );
}

function logParameters(flags: LogsFlags): Record<string, string> {
  const count = flags.tail ?? flags.lines;
  const lines = count === undefined || count < 0 ? undefined : { lines: String(count) };
  const since = flags.since === undefined ? undefined : { since: flags.since };
  const start = lines || since ? { ...lines, ...since } : { from: 'start' };
  return { follow: String(flags.follow === true), ...start, ...readParams(flags.param ?? []) };
}

interface LogRun {
  readonly world: CliWorld;
  readonly path: string;
  readonly source: LabelledSource;
  readonly address: string | undefined;
}

async function runLog(session: PaneletSession, { world, path, source, address }: LogRun): Promise<SessionOutcome> {
  const { stdout, stderr, stop } = world;
  const say = (note: string): Promise<void> => {
    stderr.write(`panelet: ${path}: ${note}\n`);
    return Promise.resolve();
  };
  const close = (): void => void endOrLeave(session);
  const line = createPlainStatusLine(stderr);
  const stopStatus = showConnection(session, { line, clock: world.clock, whenUnreachable: silentAddressText(address) });
  let failure: string | undefined;
  stop.addEventListener('abort', close);
  stdout.on('error', close);
  try {
    const outcome = await readOutput(session, {
      data: async (item) => {
        if (item.channel === 'stderr') stderr.write(item.payload);
        else await source.write(item.payload);
      },
      snapshot: (item) => source.write(item.payload),
      lost: (item) => say(`output is missing here (${item.loss.message})`),
      event: async (item) => {
        const note = logNote(item.name, item.payload);
        if (item.name === 'failed') failure = note;
        else if (note !== undefined) await say(note);
      },
    });
    if (failure === undefined) return outcome;
    return { kind: 'failed', error: new PaneletError('PANEL_FAILED', `Cannot follow ${path} any more: ${failure}`) };
  } finally {
    await source.end();
    stop.removeEventListener('abort', close);
    stdout.off('error', close);
    stopStatus();
  }
}
