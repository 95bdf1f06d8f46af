import type { Clock } from '#common/time/clock.js';
import { createTokenBucket, type TokenBucket } from '#common/time/token-bucket.js';
import type { ClientConnection } from '../connection/client-connection.js';
import { createSlots, type Slots } from '../turns/slots.js';
import { openLane, type Lane } from './lane.js';
import { tooMany } from './too-many.js';

/** Where a caller's lanes lead. */
export interface CallerLanesDeps {
  /** Read anew for every lane. */
  readonly socketPath: string;
  readonly clock: Clock;
}

const maxLanesOfConnection = 4;
const maxLanesOfCaller = 16;
const maxOpening = 16;
// Below what nghttp2 takes from a peer before it ends the connection: 1,000 at once, then 33 a second.
const resetBurst = 200;
const resetsPerSecond = 20;

/** The clients' connections that a lane serves, each with what takes its listener off again. */
type Users = Map<ClientConnection, () => void>;

/** The lanes of one caller, and what he may still do on them. */
export class CallerLanes {
  /** Streams that he may still break off. */
  readonly resets: TokenBucket;
  /** Places for streams that the server has not taken up: whoever opens many at once keeps no queue at the server. */
  readonly opening: Slots = createSlots(maxOpening);
  readonly #deps: CallerLanesDeps;
  readonly #lanes = new Map<Lane, Users>();

  constructor(deps: CallerLanesDeps) {
    this.#deps = deps;
    this.resets = createTokenBucket({ clock: deps.clock, burst: resetBurst, perSecond: resetsPerSecond });
  }

  /** True when nothing would be lost with it. */
  get isForgettable(): boolean {
    return this.#lanes.size === 0 && this.opening.idle && this.resets.full();
  }

  /**
   * A lane for one more stream of a connection: one that it uses, a new one, or the least used of the others.
   * @throws PaneletError LIMIT_EXCEEDED when none has room.
   */
  choose(connection: ClientConnection, headerBytes: number): Lane {
    const own = [...this.#lanes].filter(([, users]) => users.has(connection)).map(([lane]) => lane);
    const free = own.find((lane) => lane.fits(headerBytes));
    if (free !== undefined) return free;
    if (own.length < maxLanesOfConnection && this.#lanes.size < maxLanesOfCaller) return this.#add(connection);
    // One identity may be many clients: they share what it has.
    const fitting = [...this.#lanes.keys()].filter((lane) => lane.fits(headerBytes));
    const shared = own.length === 0 ? leastUsed(fitting) : undefined;
    if (shared === undefined) {
      throw tooMany('You have too many streams open here. End some, or use another connection.');
    }
    this.#use(shared, connection);
    return shared;
  }

  /** True while a lane serves more than one connection. */
  isShared(lane: Lane): boolean {
    return (this.#lanes.get(lane)?.size ?? 0) > 1;
  }

  /** Ends lanes without streams, and those that stand still. */
  endUseless(): void {
    for (const lane of [...this.#lanes.keys()]) if (lane.streams === 0 || lane.isStuck()) lane.destroy();
  }

  /** Ends every lane with the streams on it. */
  cut(): void {
    for (const lane of [...this.#lanes.keys()]) lane.destroy();
  }

  #add(connection: ClientConnection): Lane {
    const lane = openLane(this.#deps.socketPath, () => this.#drop(lane));
    this.#lanes.set(lane, new Map());
    this.#use(lane, connection);
    return lane;
  }

  #use(lane: Lane, connection: ClientConnection): void {
    const users = this.#lanes.get(lane);
    if (users === undefined || users.has(connection)) return;
    // With the connection of a client its streams are over, and so is a lane that nobody else uses.
    const leave = (): void => {
      users.delete(connection);
      if (users.size === 0) lane.destroy();
    };
    users.set(connection, connection.onGone(leave));
  }

  #drop(lane: Lane): void {
    for (const unsubscribe of this.#lanes.get(lane)?.values() ?? []) unsubscribe();
    this.#lanes.delete(lane);
  }
}

function leastUsed(lanes: readonly Lane[]): Lane | undefined {
  return [...lanes].sort((a, b) => a.streams - b.streams)[0];
}
