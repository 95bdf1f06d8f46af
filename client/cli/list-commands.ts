import { durationToMs } from '#common/duration.js';
import { withAgent } from './agent-access.js';
import { report, type CliContext } from './cli-context.js';
import { ageText, tableLines } from './output.js';
import { createResumeStore, resumeStoreDir } from './resume-store.js';

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
    lines: tableLines(['PANEL', 'SERVING', 'SESSIONS', 'CHECKPOINTS', 'VERSION', 'MESSAGE'], rows),
  });
}

/** `panelet sessions`: the caller's own sessions. JSON: `{sessions: […]}`. */
export async function listSessionsCommand(context: CliContext, flags: { readonly panel?: string }): Promise<void> {
  const sessions = await withAgent(context, {}, (client) => client.listSessions(flags.panel));
  const store = createResumeStore(resumeStoreDir(context.world.env, context.world.homeDir));
  const saved = new Set((await store.list()).map((session) => session.sessionId));
  const json = sessions.map(({ age, ...session }) => ({
    ...session,
    ageMs: durationToMs(age, 0),
    resumable: saved.has(session.sessionId),
  }));
  const rows = json.map((session) => [
    session.sessionId,
    session.panel,
    session.node,
    session.owner,
    session.attached ? 'yes' : 'no',
    session.resumable ? 'here' : '',
    ageText(session.ageMs),
    session.details['command'] ?? '',
  ]);
  report(context, {
    json: { sessions: json },
    lines: tableLines(['SESSION', 'PANEL', 'NODE', 'OWNER', 'ATTACHED', 'RESUMABLE', 'AGE', 'COMMAND'], rows),
  });
}

/** `panelet end`: ends a session for good. JSON: `{ended: id}`. */
export async function endCommand(context: CliContext, sessionId: string): Promise<void> {
  await withAgent(context, { sessionId }, (client) => client.endSession(sessionId));
  const store = createResumeStore(resumeStoreDir(context.world.env, context.world.homeDir));
  await store.remove(sessionId);
  report(context, { json: { ended: sessionId }, lines: [`Session ${sessionId} has ended.`] });
}
