import { timestamp } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import { usesCluster, withAgent } from '../access/agent-access.js';
import { chooseSessionId, isWholeSessionId, shortIds } from '../access/choose-session-id.js';
import { exitCodeOfListing, listFleetSessions, type FleetSessions } from './fleet-commands.js';
import { report, type CliContext } from '../access/cli-context.js';
import type { SessionInfo } from '../../calls/node-views.js';
import { ageText, tableLines } from '../io/output.js';
import { createResumeStore, resumeStoreDir } from '../access/resume-store.js';

/** `panelet ls`: the panels of the node that answers. JSON: `{node, panels: […]}`. */
export async function listPanelsCommand(context: CliContext): Promise<void> {
  const { panels, node } = await withAgent(context, {}, (client) => client.listPanels());
  const rows = panels.map((panel) => [
    panel.name,
    panel.serving ? 'yes' : 'no',
    String(panel.sessions),
    panel.checkpointable ? 'yes' : 'no',
    panel.version,
    panel.message,
  ]);
  report(context, {
    json: { node, panels },
    names: panels.map((panel) => panel.name),
    lines: tableLines(['PANEL', 'SERVING', 'SESSIONS', 'CHECKPOINTS', 'VERSION', 'MESSAGE'], rows),
  });
}

function ownSessions(context: CliContext, panel?: string): Promise<FleetSessions> {
  if (usesCluster(context)) return listFleetSessions(context, panel);
  return withAgent(context, {}, async (client) => ({ sessions: await client.listSessions(panel), unanswered: [] }));
}

/**
 * `panelet sessions`: the caller's own sessions, in a cluster those of every node. JSON: `{sessions: […]}`, in a cluster
 * also `unanswered`. @returns the exit code.
 */
export async function listSessionsCommand(context: CliContext, flags: { readonly panel?: string }): Promise<number> {
  const fleet = await ownSessions(context, flags.panel);
  for (const { node, message } of fleet.unanswered) {
    context.world.stderr.write(`panelet: the node ${node} did not answer: ${message}\n`);
  }
  const store = createResumeStore(resumeStoreDir(context.world.env, context.world.homeDir));
  const saved = new Set((await store.list()).map((session) => session.sessionId));
  const sessions = fleet.sessions.map((session) => ({ ...session, resumable: saved.has(session.sessionId) }));
  const json = sessions.map((session) => ({
    ...session,
    endsAt: session.endsAt === undefined ? null : timestamp(session.endsAt),
  }));
  // Most of the time no host is being replaced.
  const isAnyRetiring = sessions.some(({ retiring }) => retiring);
  const nowMs = context.world.clock.date().getTime();
  const short = shortIds(sessions.map((session) => session.sessionId));
  const row = (session: (typeof sessions)[number], sessionId: string): readonly string[] => [
    sessionId,
    session.panel,
    session.node,
    session.owner,
    session.attached ? 'yes' : 'no',
    session.resumable ? 'here' : '',
    ageText(session.ageMs),
    ...(isAnyRetiring ? [endText(session, nowMs)] : []),
    shortened(session.details['command'] ?? ''),
  ];
  const ends = isAnyRetiring ? ['ENDS'] : [];
  const headings = ['SESSION', 'PANEL', 'NODE', 'OWNER', 'ATTACHED', 'RESUMABLE', 'AGE', ...ends, 'COMMAND'];
  const table = (rows: readonly (readonly string[])[]): readonly string[] => tableLines(headings, rows);
  report(context, {
    json: { sessions: json, ...(usesCluster(context) ? { unanswered: fleet.unanswered } : {}) },
    names: sessions.map((session) => session.sessionId),
    lines: table(sessions.map((session, index) => row(session, short[index] ?? session.sessionId))),
    wide: table(sessions.map((session) => row(session, session.sessionId))),
  });
  return exitCodeOfListing(fleet);
}

/** When a session ends at the latest, because its host was replaced; empty for one whose host was not. */
function endText({ retiring, endsAt }: SessionInfo, nowMs: number): string {
  if (!retiring) return '';
  return endsAt === undefined ? 'by itself' : `in ${ageText(Math.max(0, endsAt.getTime() - nowMs))}`;
}

// A script on the command line would make every row as long.
function shortened(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 59)}…`;
}

// What is ended must be the one that was meant: a node that is silent may have another that begins so.
async function wholeIdOf(context: CliContext, typed: string): Promise<string> {
  if (isWholeSessionId(typed)) return typed;
  const { sessions, unanswered } = await ownSessions(context);
  const ids = sessions.map((session) => session.sessionId);
  if (ids.includes(typed) || unanswered.length === 0) return chooseSessionId(typed, ids);
  const silent = unanswered.map(({ node }) => node).join(', ');
  const message = `No answer from ${silent}, where another session may begin with ${typed}. Give the whole session id.`;
  throw new PaneletError('AGENT_UNREACHABLE', message);
}

/** `panelet end`: ends a session for good, by its id or the beginning of it. JSON: `{ended: id}`. */
export async function endCommand(context: CliContext, typed: string): Promise<void> {
  const sessionId = await wholeIdOf(context, typed);
  await withAgent(context, { sessionId }, (client) => client.endSession(sessionId));
  const store = createResumeStore(resumeStoreDir(context.world.env, context.world.homeDir));
  await store.remove(sessionId);
  report(context, { json: { ended: sessionId }, lines: [`Session ${sessionId} has ended.`] });
}
