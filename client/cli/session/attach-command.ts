import { isPaneletError, PaneletError } from '#common/errors/errors.js';
import type { PaneletClient } from '../../panelet-client.js';
import type { PaneletSession } from '../../session/panelet-session.js';
import { nodeOfSession, openCluster, usesCluster, withAgent } from '../access/agent-access.js';
import { chooseSessionId, isWholeSessionId } from '../access/choose-session-id.js';
import { sayWaiting, type CliContext } from '../access/cli-context.js';
import { keepSaved } from '../access/keep-saved.js';
import { exitCodeOfProgram, exitCodeOfStop, exitCodes } from '../io/exit-codes.js';
import { ageText } from '../io/output.js';
import type { SessionOutcome } from './read-output.js';
import {
  createResumeStore,
  isHeld,
  resumeStoreDir,
  type ResumeStore,
  type SavedSession,
} from '../access/resume-store.js';
import { isCertainEnd, isOver, takeoverOf } from './after-session.js';
import { codeOfUnwritten } from './program-outputs.js';
import { runPipe } from './run-pipe.js';
import { runTerminal } from './run-terminal.js';
import { defaultPanel, isTerminalPanel, readParams, terminalParameters } from './session-options.js';

/** Flags of `attach`. */
export interface AttachFlags {
  readonly session?: string;
  readonly resume?: boolean;
  readonly param?: readonly string[];
  readonly tty?: boolean;
}

// Acknowledgements of the last output go out before the process ends.
const farewellMs = 1000;

// A client that knows no more than the id of a session can still be told where it lives.
async function notHere(context: CliContext, sessionId: string, error: PaneletError): Promise<PaneletError> {
  if (!usesCluster(context)) return error;
  const cluster = openCluster(context);
  try {
    const node = context.flags.node ?? (await nodeOfSession(context, cluster, sessionId));
    const message = `The session ${sessionId} is on the node ${node}, but its resume token is not here. A session is resumed by the user and machine that opened it.`;
    return new PaneletError('SESSION_UNKNOWN', message, { cause: error });
  } finally {
    await cluster.close();
  }
}

// Only what was saved here can be resumed: no other id can be meant by its beginning.
async function wholeIdOf(store: ResumeStore, typed: string): Promise<string> {
  if (isWholeSessionId(typed) || !/^[\w-]+$/.test(typed)) return typed;
  const saved = await store.list();
  return chooseSessionId(
    typed,
    saved.map(({ sessionId }) => sessionId),
    'that was left here',
  );
}

async function chooseSaved(
  context: CliContext,
  store: ResumeStore,
  flags: AttachFlags,
  panel: string | undefined,
): Promise<SavedSession | undefined> {
  if (flags.session !== undefined) {
    const sessionId = await wholeIdOf(store, flags.session);
    try {
      return await store.load(sessionId);
    } catch (error) {
      throw isPaneletError(error, 'SESSION_UNKNOWN') ? await notHere(context, sessionId, error) : error;
    }
  }
  if (flags.resume !== true) return undefined;
  const all = (await store.list()).filter((saved) => panel === undefined || saved.panel === panel);
  const left = all.find((saved) => !isHeld(saved));
  if (left !== undefined) return left;
  const what = panel === undefined ? 'session' : `session of the panel ${panel}`;
  const { name } = context.world;
  const [held] = all;
  if (held !== undefined) {
    const message = `Every ${what} here is open in another terminal. To take the latest over: ${name} attach --session ${held.sessionId}`;
    throw new PaneletError('ATTACH_SUPERSEDED', message);
  }
  throw new PaneletError('SESSION_UNKNOWN', `There is no ${what} to resume here. \`${name} attach\` opens one.`);
}

async function open(
  client: PaneletClient,
  saved: SavedSession | undefined,
  context: CliContext,
  request: {
    panel: string;
    params: readonly string[];
  },
): Promise<PaneletSession> {
  const { stop } = context.world;
  if (saved !== undefined) return client.resume({ ...saved, signal: stop, onWaiting: sayWaiting(context) });
  const { panel, params } = request;
  const command = context.program ?? [];
  const terminal = isTerminalPanel(panel) || command.length > 0;
  const parameters = { ...(terminal ? terminalParameters(command, context.world) : {}), ...readParams(params) };
  return client.open({ panel, parameters, signal: stop, onWaiting: sayWaiting(context) });
}

interface Leaving {
  readonly outcome: SessionOutcome;
  readonly isTakenOver: boolean;
  /** Nobody answered when it was left. */
  readonly away: boolean;
}

function sayGoodbye(context: CliContext, session: PaneletSession, { outcome, isTakenOver, away }: Leaving): void {
  if (isOver(outcome) || isTakenOver) return;
  const kept = ageText(session.resumeState().ttlMs);
  const back = `${context.world.name} attach --session ${session.sessionId}`;
  const what = outcome.kind === 'detached' ? 'detached' : 'left';
  const fate = away ? ' while nobody answers. If the session lives on, it' : '. The session';
  context.world.stderr.write(`panelet: ${what}${fate} is kept for ${kept}; come back with:\n  ${back}\n`);
}

/** The exit code of an outcome. @throws the error of a session that failed. */
export function exitCodeOfOutcome(outcome: SessionOutcome, stop: AbortSignal): number {
  switch (outcome.kind) {
    case 'exited':
      return exitCodeOfProgram(outcome);
    case 'failed':
      throw outcome.error;
    case 'unwritten':
      return codeOfUnwritten(outcome.error);
    case 'cut':
      // Who stops this program may have ended the session with it.
      if (stop.aborted) return exitCodeOfStop(stop);
      throw outcome.error;
    case 'detached':
    case 'ended':
      return stop.aborted ? exitCodeOfStop(stop) : exitCodes.ok.code;
  }
}

/** `panelet attach`: a session on this terminal, or between pipes. @returns the exit code. */
export async function attachCommand(
  context: CliContext,
  panelName: string | undefined,
  flags: AttachFlags,
): Promise<number> {
  const { world } = context;
  const store = createResumeStore(resumeStoreDir(world.env, world.homeDir));
  const saved = await chooseSaved(context, store, flags, panelName);
  const panel = saved?.panel ?? panelName ?? defaultPanel;
  try {
    return await withAgent(context, { saved, sessionId: saved?.sessionId }, async (client, { way }) => {
      const session = await open(client, saved, context, { panel, params: flags.param ?? [] });
      const written = keepSaved(session, { store, world: context.world, way });
      return await follow(session, context, { panel, store, written, tty: flags.tty !== false, address: way.address });
    });
  } catch (error) {
    if (saved !== undefined && isCertainEnd(error)) {
      await store.remove(saved.sessionId);
    }
    throw error;
  }
}

interface FollowOptions {
  readonly panel: string;
  readonly store: ResumeStore;
  /** Gives the resume file free, and waits for its last write. */
  readonly written: (isTakenOver: boolean) => Promise<void>;
  readonly tty: boolean;
  readonly address: string | undefined;
}

/** Runs an open session to its end here. @returns the exit code. */
async function follow(session: PaneletSession, context: CliContext, options: FollowOptions): Promise<number> {
  const { world } = context;
  const { panel, store, address } = options;
  const interactive = world.stdin.isTTY === true && world.stdout.isTTY === true && options.tty;
  const greeting = `${panel} ${session.sessionId},`;
  let away = false;
  session.on('reattaching', () => (away = true));
  session.on('resumed', () => (away = false));
  const outcome =
    interactive && isTerminalPanel(panel)
      ? await runTerminal({ session, world, greeting, onLeave: 'detach', address })
      : await runPipe({ session, world, input: 'pass', onStop: 'detach', address });
  if (outcome.kind === 'exited' || outcome.kind === 'ended' || outcome.kind === 'cut') {
    await Promise.race([session.closed, new Promise<void>((resolve) => world.clock.after(farewellMs, resolve))]);
  }
  const takeover = await takeoverOf(session);
  const isTakenOver = takeover !== undefined;
  await options.written(isTakenOver);
  if (isOver(outcome)) await store.remove(session.sessionId);
  sayGoodbye(context, session, { outcome, isTakenOver, away });
  if (isTakenOver) {
    const back = `${world.name} attach --session ${session.sessionId}`;
    const message = `Another client has taken the session over. To have it back: ${back}`;
    throw new PaneletError('ATTACH_SUPERSEDED', message, { cause: takeover });
  }
  return exitCodeOfOutcome(outcome, world.stop);
}
