import { isPaneletError } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';
import type { Hello } from '#proto/session/v1/session.js';
import type { SessionView } from '#session/worker/admission.js';
import { sealedView } from '#session/worker/worker-link-codec.js';
import type { PanelDefinition } from '../panel/panel.js';
import type { InstanceName } from '#common/files/instances.js';
import type { PanelStorage } from '../storage/panel-storage.js';
import type { Standing } from '../storage/session-ownership.js';
import type { SessionRecord } from '../storage/session-record.js';
import { checkpointUnreadable, workerCrashed, type DormantSession, type DormantSessions } from './dormant-sessions.js';
import type { SessionDriver } from './session-driver.js';
import { identityOf, sealedStateOf, type SealedState } from './session-opening.js';
import type { LossReason } from '#session/messages/crash-reason.js';

/** What is known of the session that a Hello names. */
export interface Known {
  readonly record: SessionRecord;
  readonly view: SessionView;
  readonly sealed?: SealedState;
  readonly loss?: LossReason;
  /** Where it was found on storage and can be brought back: what a taker has to see unchanged. */
  readonly standing?: Standing;
  /** The worker that has it, where that is another one. */
  readonly elsewhere?: InstanceName;
}

/** A session that is over, for as long as somebody may ask for it. */
export interface Tombstone {
  readonly record: SessionRecord;
  readonly incarnation: number;
  readonly message: string;
}

const maxTombstones = 1_000;

/** What a lookup needs. */
export interface SessionLookupDeps {
  readonly definition: PanelDefinition;
  readonly storage: PanelStorage;
  readonly dormant: DormantSessions;
  readonly log: Log;
}

/** Finds out what a worker knows of a session: live, over, another worker's, sealed on storage, or gone with an earlier worker. */
export class SessionLookup {
  readonly #deps: SessionLookupDeps;
  readonly #tombstones = new Map<string, Tombstone>();

  constructor(deps: SessionLookupDeps) {
    this.#deps = deps;
  }

  /** What is known of the session of a Hello; undefined when nothing is. @throws STATE_DIR_UNUSABLE */
  async find(hello: Hello, driver: SessionDriver | undefined): Promise<Known | undefined> {
    if (driver !== undefined) return { record: driver.record, view: driver.link.view() };
    const tombstone = this.#tombstones.get(hello.sessionId);
    if (tombstone !== undefined) {
      const { record, incarnation, message } = tombstone;
      return { record, view: goneView(record, incarnation, { kind: 'ended', message }) };
    }
    return this.#onStorage(hello);
  }

  /** Remembers that a session is over. When there are too many, whoever has most loses the oldest. */
  remember(tombstone: Tombstone): void {
    this.#tombstones.set(tombstone.record.id, tombstone);
    if (this.#tombstones.size > maxTombstones) this.#tombstones.delete(oldestOfMost([...this.#tombstones.values()]));
  }

  /** Forgets that a session was over: there is one of its id again. */
  revive(sessionId: string): void {
    this.#tombstones.delete(sessionId);
  }

  /** Storage is asked each time: another worker may have taken the session, or left it, a moment ago. */
  async #onStorage(hello: Hello): Promise<Known | undefined> {
    const { storage, dormant } = this.#deps;
    const standing = await storage.ownership.look(hello.sessionId);
    if (standing.kind === 'elsewhere') {
      dormant.delete(hello.sessionId);
      const record = await dormant.record(hello.sessionId);
      return record && awayKnown(record, standing, hello);
    }
    const found = await dormant.find(hello.sessionId, standing);
    return found && (await this.#wake(found, standing, hello));
  }

  async #wake(dormant: DormantSession, standing: Standing, hello: Hello): Promise<Known> {
    const { record } = dormant;
    const { definition, log } = this.#deps;
    const { incarnation } = standing;
    let loss = dormant.life.kind === 'crashed' ? dormant.life.loss : workerCrashed;
    if (dormant.life.kind === 'sealed') {
      try {
        const sealed = await this.#read(record.id);
        if (sealed !== undefined) {
          return { record, sealed, standing, view: sealedView(identityOf(record), sealed.link, incarnation) };
        }
      } catch (err) {
        if (!isPaneletError(err, 'CHECKPOINT_UNREADABLE')) throw err;
        log.error({ err, sessionId: record.id }, 'A checkpoint is unreadable');
        loss = checkpointUnreadable;
      }
    }
    const view = goneView(record, incarnation, { kind: 'crashed', afterCrash: definition.afterCrash });
    return { record, loss, standing, view: ofWhomever(view, record, hello) };
  }

  async #read(sessionId: string): Promise<SealedState | undefined> {
    const bytes = await this.#deps.storage.checkpoints.read(sessionId);
    return bytes && sealedStateOf(bytes);
  }
}

/** Id of the first one of the owner with most of them. */
function oldestOfMost(tombstones: readonly Tombstone[]): string {
  const counts = new Map<string, number>();
  for (const { record } of tombstones) counts.set(record.owner, (counts.get(record.owner) ?? 0) + 1);
  const most = Math.max(...counts.values());
  return tombstones.find(({ record }) => counts.get(record.owner) === most)?.record.id ?? '';
}

/** A session that another worker has: whoever may have it learns that, and nobody else. */
function awayKnown(record: SessionRecord, standing: Extract<Standing, { kind: 'elsewhere' }>, hello: Hello): Known {
  const view = goneView(record, standing.incarnation, { kind: 'elsewhere' });
  return { record, elsewhere: standing.instance, view: ofWhomever(view, record, hello) };
}

/** Who took the session over since it was opened is not on record; a valid token of it is enough. */
function ofWhomever(view: SessionView, record: SessionRecord, hello: Hello): SessionView {
  return { ...view, clientId: hello.clientId === record.clientId ? record.clientId : '' };
}

function goneView(record: SessionRecord, incarnation: number, life: SessionView['life']): SessionView {
  const unknown = { clientId: '', attachEpoch: 0, confirmedEpoch: 0, attachNonce: '' };
  const { panel, owner } = record;
  return { panel, owner, incarnation, numberedSince: incarnation, ...unknown, life };
}
