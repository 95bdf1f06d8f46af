import { basename, dirname, isAbsolute, resolve } from 'node:path';
import { PaneletError } from '#common/errors/errors.js';
import { Channel } from '#proto/session/v1/session.js';
import type { PanelContext, PanelDefinition, PanelSession } from '../../panel/panel.js';
import { panelEvent } from '../../panel/panel-event.js';
import { readParameters } from '../../panel/parameters.js';
import { type AllowedRoots, createAllowedRoots } from './allowed-roots.js';
import { createDirectoryWatch } from './directory-watch.js';
import { fileKey, stampOf } from './file-facts.js';
import { findTrailAgain } from './find-again.js';
import { type KnownFiles, surveyKnownFiles } from './known-files.js';
import { findSince } from './find-since.js';
import { findLastLines } from './last-lines.js';
import { type LogFile, openLogFile, type OpenResult } from './log-file.js';
import { readSince } from './line-time.js';
import { type LogsPanelOptions, logParameters } from './log-parameters.js';
import { decodeLogState, encodeLogState } from './log-state.js';
import { createLogTrail, type TrailListener } from './log-trail.js';
import { createPump } from './pump.js';
import { isRotatedName } from './rotated-names.js';
import type { TrailStart, TrailState } from './trail-state.js';

const defaultRoots = '/var/log';
const pollMs = 2000;

/**
 * Follows a file, through rotation, truncation and absence. Worker parameter `roots`: directories below which files may
 * be read, separated by commas. Events, in order with the bytes: rotated, appeared, missing, truncated, late (the next
 * bytes belong to the file before), gap (bytes are not shown, or may be missing), unsure (of the order of files).
 * @throws CONFIG_INVALID for wrong roots.
 */
export function createLogsPanel(deps: { readonly parameters: Readonly<Record<string, string>> }): PanelDefinition {
  const roots = createAllowedRoots(deps.parameters['roots'] ?? defaultRoots);
  return {
    name: 'logs',
    version: '1',
    checkpointable: true,
    movable: true,
    afterCrash: 'fresh',
    open: async (context) => {
      const options = withPlainPath(readParameters('logs', logParameters, context.parameters));
      const start = await openStart(options, roots, context.clock.date());
      return createLogsSession({ context, options, roots, ended: false }, start);
    },
    restore: async (context, bytes) => {
      const { trail, ended, ...state } = decodeLogState(bytes);
      const options = withPlainPath(state.options);
      roots.resolve(options.path);
      const start = await findTrailAgain(trail, { path: options.path, roots });
      return createLogsSession({ context, options, roots, ended }, start);
    },
  };
}

// With ".." in it, whether a path leads into the roots would depend on what exists outside.
function withPlainPath(options: LogsPanelOptions): LogsPanelOptions {
  return isAbsolute(options.path) ? { ...options, path: resolve(options.path) } : options;
}

const nothingToTell = { reports: [], lastReports: [], missing: false };

async function openStart(options: LogsPanelOptions, roots: AllowedRoots, now: Date): Promise<TrailStart> {
  const real = roots.resolve(options.path);
  const { opened, known } = await openAmidst(real, roots);
  if (opened.kind !== 'open') {
    if (opened.kind !== 'absent' || !options.follow) {
      const reason =
        opened.kind !== 'absent' ? `is not a file that this worker may read: it ${opened.reason}` : opened.reason;
      throw new PaneletError('PANEL_FAILED', `Cannot follow the file: ${options.path} ${reason}.`);
    }
    return { ...nothingToTell, files: [], known };
  }
  const { file } = opened;
  const unreadStamp = stampOf(await file.facts());
  if (options.from === 'end') {
    try {
      await file.seek(await findBeginning(file, options, now));
    } catch (error) {
      await file.close();
      throw error;
    }
  }
  const entry = { name: basename(real), directory: dirname(real), file, unreadStamp, suspicions: 0, toTell: [] };
  return { ...nothingToTell, files: [entry], known };
}

async function findBeginning(file: LogFile, { path, lines, since }: LogsPanelOptions, now: Date): Promise<number> {
  const byLines = lines === undefined ? 0 : await findLastLines(file, lines);
  const sinceMs = since === undefined ? undefined : readSince(since, now);
  if (sinceMs === undefined) return byLines;
  const bySince = await findSince(file, { sinceMs, now });
  if (bySince !== undefined) return Math.max(byLines, bySince);
  throw new PaneletError(
    'PANEL_FAILED',
    `Cannot tell since when the lines of ${path} are: they do not begin with a time (RFC 3339, or as in syslog). Leave "since" out.`,
  );
}

const maxTries = 8;

/** Opens a file, and looks at what is beside it while the path names it. */
async function openAmidst(
  real: string,
  roots: AllowedRoots,
): Promise<{ readonly opened: OpenResult; readonly known: KnownFiles | undefined }> {
  for (let tries = 1; ; tries++) {
    const opened = await openLogFile(real, roots);
    const isShut = opened.kind === 'refused' || opened.kind === 'failed';
    const file = opened.kind === 'open' ? opened.file : undefined;
    const known = isShut ? undefined : await surveyKnownFiles(real, file && fileKey(file.position));
    if (known || isShut || tries === maxTries) return { opened, known };
    await file?.close();
  }
}

function createListener({ output }: PanelContext): TrailListener {
  return {
    report: (name, content) => output.writeEvent(panelEvent(name, content)),
    data: (bytes) => void output.writeData(Channel.STDOUT, bytes),
  };
}

interface LogsSessionDeps {
  readonly context: PanelContext;
  readonly options: LogsPanelOptions;
  readonly roots: AllowedRoots;
  readonly ended: boolean;
}

function createLogsSession(deps: LogsSessionDeps, start: TrailStart): PanelSession {
  const { context, options, roots } = deps;
  const { path } = options;
  const trail = createLogTrail({ path, roots, clock: context.clock, listener: createListener(context) }, start);
  const pump = createPump(context, trail, options.follow);
  if (deps.ended) pump.end();
  const watch = createDirectoryWatch({
    clock: context.clock,
    log: context.log,
    matters: (name) => name === basename(path) || trail.hasName(name) || isRotatedName(basename(path), name),
    onChange: () => pump.wake(),
    pollMs,
  });
  let saved: TrailState | undefined;
  let closing: Promise<void> | undefined;

  pump.onIdle(() => watch.aim(trail.directories()));
  watch.aim(trail.directories());
  context.output.onWritable(() => pump.wake());
  // Not before the caller has the session.
  setImmediate(() => pump.wake());
  const close = async (): Promise<void> => {
    watch.close();
    await pump.hold();
    await trail.close();
  };
  return {
    input: () => undefined,
    freeze: async () => {
      await pump.hold();
      saved = await trail.save();
    },
    thaw: () => pump.release(),
    checkpoint: () => {
      if (!saved) throw new PaneletError('INTERNAL', 'A checkpoint was asked for without a freeze. This is a bug.');
      return encodeLogState({ options, trail: saved, ended: pump.ended });
    },
    close: () => (closing ??= close()),
    details: () => ({ path, offset: String(trail.offset) }),
  };
}
