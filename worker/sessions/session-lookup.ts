import { isPaneletError } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';
import type { Hello } from '#proto/session/v1/session.js';
import type { SessionView } from '#session/worker/admission.js';
import { decodeWorkerLinkState, sealedView } from '#session/worker/worker-link-codec.js';
import type { PanelDefinition } from '../panel/panel.js';
import type { PanelStorage } from '../storage/panel-storage.js';
import type { SessionRecord } from '../storage/session-record.js';
import { decodeCheckpointContent } from './checkpoint-content.js';
import { checkpointUnreadable, workerCrashed, type DormantSession } from './dormant-sessions.js';
import type { SessionDriver } from './session-driver.js';
import { identityOf, type SealedState } from './session-opening.js';
import type { LossReason } from '#session/messages/crash-reason.js';

/** What is known of the session that a Hello names. */
export interface Known {
  readonly record: SessionRecord;
  readonly view: SessionView;
  readonly sealed?: SealedState;
  readonly loss?: LossReason;
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
  readonly dormant: ReadonlyMap<string, DormantSession>;
  readonly log: Log;
}

/** Finds out what a worker knows of a session: live, over, sealed on storage, or gone with an earlier worker. */
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
    const dormant = this.#deps.dormant.get(hello.sessionId);
    return dormant === undefined ? undefined : this.#wake(dormant, hello);
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

  async #wake(dormant: DormantSession, hello: Hello): Promise<Known> {
    const { record } = dormant;
    const { storage, definition, log } = this.#deps;
    const incarnation = await storage.incarnations.highest(record.id);
    let loss = dormant.life.kind === 'crashed' ? dormant.life.loss : workerCrashed;
    if (dormant.life.kind === 'sealed') {
      try {
        const sealed = await this.#read(record.id);
        if (sealed !== undefined) {
          return { record, sealed, view: sealedView(identityOf(record), sealed.link, incarnation) };
        }
      } catch (err) {
        if (!isPaneletError(err, 'CHECKPOINT_UNREADABLE')) throw err;
        log.error({ err, sessionId: record.id }, 'A checkpoint is unreadable');
        loss = checkpointUnreadable;
      }
    }
    const view = goneView(record, incarnation, { kind: 'crashed', afterCrash: definition.afterCrash });
    // Who took the session over since it was opened is not on record; a valid token of it is enough.
    const isOpener = hello.clientId === record.clientId;
    return { record, loss, view: { ...view, clientId: isOpener ? record.clientId : '' } };
  }

  async #read(sessionId: string): Promise<SealedState | undefined> {
    const bytes = await this.#deps.storage.checkpoints.read(sessionId);
    if (bytes === undefined) return undefined;
    const content = decodeCheckpointContent(bytes);
    return { link: decodeWorkerLinkState(content.link), panel: content.panel };
  }
}

/** Id of the first one of the owner with most of them. */
function oldestOfMost(tombstones: readonly Tombstone[]): string {
  const counts = new Map<string, number>();
  for (const { record } of tombstones) counts.set(record.owner, (counts.get(record.owner) ?? 0) + 1);
  const most = Math.max(...counts.values());
  return tombstones.find(({ record }) => counts.get(record.owner) === most)?.record.id ?? '';
}

function goneView(record: SessionRecord, incarnation: number, life: SessionView['life']): SessionView {
  const unknown = { clientId: '', attachEpoch: 0, confirmedEpoch: 0, attachNonce: '' };
  const { panel, owner } = record;
  return { panel, owner, incarnation, numberedSince: incarnation, ...unknown, life };
}
