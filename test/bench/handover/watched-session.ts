import { createPaneletClient, type PaneletClientOptions, type PaneletSession } from '#client/sdk.js';
import type { Clock } from '#common/time/clock.js';
import { panelSubject, type GapSubject } from '../gap-subjects.js';
import { createAttachLog, watchClient, type ClientWatch } from './client-parts.js';

/** A session that sends every 5 ms over a connection of its own. */
export interface WatchedSession extends GapSubject {
  readonly sessionId: string;
  /** How its client came to its attachments. */
  readonly attachments: ClientWatch;
}

/** What such a session is opened with. */
export interface WatchedSessionOptions extends Pick<PaneletClientOptions, 'resolve'> {
  readonly clock: Clock;
}

/** Opens a session of echo. */
export function openEcho(options: WatchedSessionOptions): Promise<WatchedSession> {
  return open('echo', {}, options);
}

/** Opens a shell on a terminal that gives back what it is sent. */
export function openTerminal(options: WatchedSessionOptions): Promise<WatchedSession> {
  // Its terminal echoes what comes before it is set up.
  const parameters = { command: '/bin/sh', args: JSON.stringify(['-c', 'stty raw -echo; printf =; exec cat']) };
  return open('terminal', parameters, options);
}

async function open(
  panel: string,
  parameters: Record<string, string>,
  { clock, resolve }: WatchedSessionOptions,
): Promise<WatchedSession> {
  const log = createAttachLog();
  const client = createPaneletClient({ ...(resolve === undefined ? {} : { resolve }), log: log.log });
  const session = await client.open({ panel, parameters });
  const attachments = watchClient(session, log, () => clock.date().getTime());
  if (panel === 'terminal') await firstOutput(session);
  const subject = panelSubject(session, clock);
  return {
    ...subject,
    ...{ sessionId: session.sessionId, attachments },
    finish: async () => {
      const lost = await subject.finish();
      await client.close();
      return lost;
    },
  };
}

async function firstOutput(session: PaneletSession): Promise<void> {
  for await (const item of session) if (item.kind === 'data') return;
}
