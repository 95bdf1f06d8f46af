import type { Log } from '#common/log.js';
import { isPaneletError, messageOf } from '#common/errors/errors.js';
import type { PanelStorage } from '../storage/panel-storage.js';
import type { Standing } from '../storage/session-ownership.js';
import type { SessionRecord } from '../storage/session-record.js';
import type { LossReason } from '#session/messages/crash-reason.js';

/** A session that is on storage, and in no process that lives. */
export interface DormantSession {
  readonly record: SessionRecord;
  /** In a sealed checkpoint, as far as could be seen, or gone with its worker for this reason. */
  readonly life: { readonly kind: 'sealed' } | { readonly kind: 'crashed'; readonly loss: LossReason };
  /** Time without a client while an agent was there, in milliseconds. */
  detachedMs: number;
}

/** Why the frames of a session are lost whose worker died without a checkpoint. */
export const workerCrashed: LossReason = {
  code: 'WORKER_CRASHED',
  message: 'The worker of this session ended without a checkpoint.',
};

/** Why the frames of a session are lost whose checkpoint is damaged. */
export const checkpointUnreadable: LossReason = {
  code: 'CHECKPOINT_UNREADABLE',
  message: 'The checkpoint of this session is damaged; its file is kept for a look.',
};

/**
 * The sessions that nobody has, as far as this worker has looked. Another instance may take one at any time: whoever does something with
 * one looks again, or takes it first.
 */
export class DormantSessions {
  readonly #storage: PanelStorage;
  readonly #log: Log;
  readonly #found = new Map<string, DormantSession>();
  /** The incarnation that was the last one decided when a session was judged. */
  readonly #decided = new Map<string, number>();
  #restored = 0;

  constructor(storage: PanelStorage, log: Log) {
    this.#storage = storage;
    this.#log = log;
  }

  get found(): ReadonlyMap<string, DormantSession> {
    return this.#found;
  }

  /** How often a session was found sealed that nobody had, since the start of this worker. */
  get restored(): number {
    return this.#restored;
  }

  /** This worker has it now, or nobody has it any more. */
  delete(sessionId: string): boolean {
    this.#decided.delete(sessionId);
    return this.#found.delete(sessionId);
  }

  /** Sessions that have a record on storage, whoever has them. @throws STATE_DIR_UNUSABLE */
  async stored(): Promise<readonly SessionRecord[]> {
    const { records, unreadable } = await this.#storage.records.list();
    for (const { sessionId, reason } of unreadable) {
      this.#log.error({ sessionId, reason }, 'A session record is unreadable');
    }
    return records;
  }

  /** Looks whether a session is nobody's, and judges it only then. @throws STATE_DIR_UNUSABLE */
  async look(record: SessionRecord): Promise<void> {
    const standing = await this.#storage.ownership.look(record.id);
    if (standing.kind === 'elsewhere') this.delete(record.id);
    // What this worker has is live, or was judged when it had to be.
    if (standing.kind === 'nobody') await this.#judge(record, standing);
  }

  /**
   * One that is not live in this process, and that no other one has.
   * @returns undefined when there is none, or its record cannot be read
   * @throws STATE_DIR_UNUSABLE
   */
  async find(sessionId: string, standing: Standing): Promise<DormantSession | undefined> {
    const record = this.#found.get(sessionId)?.record ?? (await this.record(sessionId));
    return record && (await this.#judge(record, standing));
  }

  /** What is on record of a session; undefined when nothing is, or it cannot be read. @throws STATE_DIR_UNUSABLE */
  async record(sessionId: string): Promise<SessionRecord | undefined> {
    try {
      return await this.#storage.records.read(sessionId);
    } catch (err) {
      if (!isPaneletError(err, 'CHECKPOINT_UNREADABLE')) throw err;
      this.#log.error({ sessionId, reason: messageOf(err) }, 'A session record is unreadable');
      return undefined;
    }
  }

  /** Whoever had it since the last look may have sealed it. */
  async #judge(record: SessionRecord, { decided }: Standing): Promise<DormantSession> {
    const known = this.#found.get(record.id);
    if (known !== undefined && this.#decided.get(record.id) === decided) return known;
    const dormant = { record, life: await this.#lifeOf(record.id), detachedMs: 0 };
    if (dormant.life.kind === 'sealed') this.#restored++;
    this.#found.set(record.id, dormant);
    this.#decided.set(record.id, decided);
    return dormant;
  }

  async #lifeOf(sessionId: string): Promise<DormantSession['life']> {
    try {
      const sealed = await this.#storage.checkpoints.verify(sessionId);
      return sealed === undefined ? { kind: 'crashed', loss: workerCrashed } : { kind: 'sealed' };
    } catch (err) {
      if (isPaneletError(err, 'STATE_DIR_UNUSABLE')) {
        this.#log.error({ err, sessionId }, 'A checkpoint cannot be read now; it is read when its client comes');
        return { kind: 'sealed' };
      }
      if (!isPaneletError(err, 'CHECKPOINT_UNREADABLE')) throw err;
      this.#log.error({ err, sessionId }, 'A checkpoint is unreadable; its session starts again when its client comes');
      return { kind: 'crashed', loss: checkpointUnreadable };
    }
  }
}
