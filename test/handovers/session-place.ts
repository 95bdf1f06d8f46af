import type { createPaneletClient, PaneletClient, ResumeState } from '#client/sdk.js';
import type { Clock } from '#common/time/clock.js';
import { createSeededRandom } from '#common/random.js';
import { tapSession, type SessionTap } from '#test/chaos/session-tap.js';
import type { Timeline } from '#test/chaos/timeline.js';
import { startEchoLoad, type EchoLoad } from '#test/support/echo-load.js';
import { endForSure } from './end-session.js';
import { returnTo } from './returned-session.js';
import type { ClientNetwork } from './serving-pods.js';

/** One client with one session that writes and reads all the time. */
export interface SessionPlace {
  readonly client: PaneletClient;
  readonly network: ClientNetwork;
  readonly seed: number;
  readonly tap: SessionTap;
  readonly load: EchoLoad;
  /** Bytes that had come back before. */
  readonly fromBytes: number;
}

/** What they are made of. */
export interface PlaceDeps {
  readonly network: () => Promise<ClientNetwork>;
  /** Those of the node that serve. */
  readonly agents: () => readonly { readonly address: string }[];
  /** Of another release. @default this one's */
  readonly createClient: typeof createPaneletClient;
  readonly clock: Clock;
  readonly timeline: Timeline;
}

const sizes = { largestWriteBytes: 4_096, longestPauseMs: 20 };
/** Far longer than a busy machine makes it: what takes longer hangs. */
const limitMs = 60_000;

type Connected = Pick<SessionPlace, 'client' | 'network'>;

/** A client with a network of its own: every second one knows the addresses of pods, the others that of a Service. */
async function connect({ network, createClient }: PlaceDeps, seed: number): Promise<Connected> {
  const way = await network();
  const where = seed % 2 === 0 ? { address: way.service } : { resolve: () => way.pods };
  return { client: createClient(where), network: way };
}

/** Ends what a place is made of, whatever has become of it. */
export async function leavePlace({ client, network }: Connected): Promise<void> {
  network.leave();
  await client.close();
  await network.close();
}

/** Opens a session and begins to write. @throws what keeps it from that; nothing is left of it then */
export async function openPlace(deps: PlaceDeps, seed: number): Promise<SessionPlace> {
  const connected = await connect(deps, seed);
  const sessionId = createSeededRandom(seed).uuid();
  try {
    const tap = tapSession(await connected.client.open({ panel: 'echo', sessionId }), { ...deps, mirrored: true });
    const load = startEchoLoad({ session: tap.session, seed, clock: deps.clock, ...sizes });
    return { ...connected, seed, tap, load, fromBytes: 0 };
  } catch (error) {
    // Its answer may have been lost.
    await endForSure(deps.agents, sessionId, limitMs);
    await leavePlace(connected);
    throw error;
  }
}

/** Its client dies, and another process goes on with what it has kept of the session. @throws what is wrong with what that finds */
export async function returnToPlace(deps: PlaceDeps, place: SessionPlace): Promise<SessionPlace> {
  const { seed, tap, load } = place;
  const state: ResumeState = tap.session.resumeState();
  place.network.leave();
  const sentBytes = load.abandon();
  await leavePlace(place);
  const connected = await connect(deps, seed);
  try {
    const resumed = await connected.client.resume(state);
    const { session, panelBytes } = await returnTo(resumed, { ...deps, seed, sentBytes, limitMs });
    const again = tapSession(session, { ...deps, mirrored: true });
    const goesOn = { session: again.session, seed, goesOnAt: panelBytes, clock: deps.clock, ...sizes };
    return { ...connected, seed, tap: again, load: startEchoLoad(goesOn), fromBytes: panelBytes };
  } catch (error) {
    await endForSure(deps.agents, state.sessionId, limitMs);
    await leavePlace(connected);
    throw error;
  }
}
