import { Metadata } from '@grpc/grpc-js';
import type { LearningBook } from '#client/connect/address-book.js';
import type { LivenessOptions } from '#client/connect/liveness.js';
import type { CurrentAgent } from '#client/connect/move-addresses.js';
import { createReachability } from '#client/connect/reachability.js';
import { AttachmentLoop } from '#client/session/attachment-loop.js';
import { startSession } from '#client/session/create-session.js';
import type { PaneletSession } from '#client/session/panelet-session.js';
import { createSilentLog, type Log } from '#common/log.js';
import { createSeededRandom } from '#common/random.js';
import type { Clock } from '#common/time/clock.js';
import type { ClientLink } from '#session/client/client-link.js';
import type { ScriptedAgents } from './scripted-agents.js';

/** What a session over agents that a test plays is made with. */
export interface ScriptedSession {
  readonly clock: Clock;
  readonly agents: ScriptedAgents;
  readonly link: ClientLink;
  readonly resolve: LearningBook['resolve'];
  /** Whether an address that the worker names may be followed. @default never */
  readonly mayFollow?: (hint: string, current: CurrentAgent) => boolean;
  readonly liveness: LivenessOptions;
  /** @default silent */
  readonly log?: Log;
  /** Decides nonces and delays. @default 1 */
  readonly seed?: number;
}

/** Starts a session of the SDK, for the panel `echo`. */
export function startScriptedSession(scripted: ScriptedSession): PaneletSession {
  const {
    clock,
    link,
    agents,
    liveness,
    resolve,
    mayFollow = () => false,
    seed = 1,
    log = createSilentLog(),
  } = scripted;
  const random = createSeededRandom(seed);
  const { session, opened } = startSession({
    ...{ link, panel: 'echo', onLoss: 'continue', clock, log, endSession: () => Promise.resolve() },
    loop: (events) =>
      new AttachmentLoop({
        ...{ link, panel: 'echo', node: '', pool: agents, clock, random, log, events },
        ...{ tokensRotate: false, resumes: false, times: {}, reattach: {}, liveness, mayFollow },
        reachability: createReachability({ clock, random }),
        book: { mayMove: () => false, reached: () => undefined, resolve },
        metadata: () => Promise.resolve(new Metadata()),
      }),
  });
  opened.catch(() => undefined);
  return session;
}
