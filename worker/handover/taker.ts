import { PaneletError } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import type { Clock } from '#common/time/clock.js';
import { withDeadline } from '#common/time/deadline.js';
import type { PanelDefinition } from '../panel/panel.js';
import type { SessionRegistry } from '../sessions/session-registry.js';
import type { ExpectedSessions } from '../sessions/expected-sessions.js';
import type { PanelStorage } from '../storage/panel-storage.js';
import type { HandoverTaker } from './service.js';
import { settleSession, type SettleDeps } from './settle-session.js';
import type { MovingState } from './state-parts.js';

/** What taking sessions of other instances needs. */
export interface TakerDeps {
  readonly definition: PanelDefinition;
  readonly storage: PanelStorage;
  readonly registry: Pick<SessionRegistry, 'adopt' | 'hasRoom'>;
  readonly expected: ExpectedSessions;
  /** False once this one is cordoned itself. */
  readonly admitsNew: () => boolean;
  readonly offer: SettleDeps['offer'];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** How long a panel may prepare for a session, in milliseconds: the giver waits for it. */
const prepareMs = 700;

/** Takes sessions that another instance gives. */
export function createHandoverTaker(deps: TakerDeps): HandoverTaker {
  return {
    prepare: (sessionId, giver) => prepare(deps, sessionId, giver),
    expect: (sessionId, onWaiting) => deps.expected.expect(sessionId, onWaiting),
    // Who waits for it need not wait until the giver has heard.
    commit: (state, signal) => commit(deps, state, signal).finally(() => deps.expected.settle(state.sessionId)),
  };
}

async function prepare(
  deps: TakerDeps,
  sessionId: string,
  giver: string,
): Promise<number | { readonly declined: string }> {
  const { definition, storage, registry, admitsNew } = deps;
  if (definition.movable !== true) return { declined: `Sessions of panel ${definition.name} do not move.` };
  if (!admitsNew()) return { declined: 'This worker drains, too.' };
  if (!registry.hasRoom) return { declined: 'This worker has as many sessions as it may have.' };
  const record = await storage.records.read(sessionId);
  if (record?.panel !== definition.name) return { declined: 'There is no record of the session.' };
  const incarnation = await storage.ownership.claimFrom(sessionId, giver);
  if (incarnation === undefined) return { declined: 'The session is not the giver’s, or somebody else claims it.' };
  await preparePanel(deps, sessionId, record.owner);
  return incarnation;
}

/** Whatever comes of it, the session may come. */
async function preparePanel(deps: TakerDeps, sessionId: string, owner: string): Promise<void> {
  const { definition, clock, random } = deps;
  const log = deps.log.child({ sessionId });
  const preparing = definition.prepare?.({ sessionId, owner, clock, random, log });
  if (preparing === undefined) return;
  try {
    await withDeadline({ clock, limitMs: prepareMs }, () => preparing);
  } catch (err) {
    log.warn({ err }, 'A panel is not prepared for a session that comes');
  }
}

async function commit(
  { storage, registry, offer, clock, log }: TakerDeps,
  state: MovingState,
  signal: AbortSignal,
): Promise<boolean> {
  const { ownership, instances } = storage;
  const { sessionId } = state;
  const fromMs = clock.nowMs();
  const record = await storage.records.read(sessionId);
  if (record === undefined) throw new PaneletError('SESSION_UNKNOWN', 'There is no record of the session.');
  const settle = async (): Promise<number | undefined> => {
    const restoredMs = clock.nowMs();
    const incarnation = await settleSession({ own: instances.own, ownership, offer, log }, state);
    const parts = { restoreMs: restoredMs - fromMs, liveMs: clock.nowMs() - restoredMs };
    log.debug({ sessionId, ...parts, incarnation }, 'It is decided who has a session');
    return incarnation;
  };
  return registry.adopt({ record, ...state, settle, signal });
}
