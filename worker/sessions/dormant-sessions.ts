import type { Log } from '#common/log.js';
import { isPaneletError } from '#common/errors/errors.js';
import type { PanelStorage } from '../storage/panel-storage.js';
import type { SessionRecord } from '../storage/session-record.js';
import type { LossReason } from '#session/messages/crash-reason.js';

/** A session that is on storage and not in this process. */
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

async function lifeOf(storage: PanelStorage, sessionId: string, log: Log): Promise<DormantSession['life']> {
  try {
    const sealed = await storage.checkpoints.verify(sessionId);
    return sealed === undefined ? { kind: 'crashed', loss: workerCrashed } : { kind: 'sealed' };
  } catch (err) {
    if (isPaneletError(err, 'STATE_DIR_UNUSABLE')) {
      log.error({ err, sessionId }, 'A checkpoint cannot be read now; it is read when its client comes');
      return { kind: 'sealed' };
    }
    if (!isPaneletError(err, 'CHECKPOINT_UNREADABLE')) throw err;
    log.error({ err, sessionId }, 'A checkpoint is unreadable; its session starts again when its client comes');
    return { kind: 'crashed', loss: checkpointUnreadable };
  }
}

/**
 * What an earlier worker left: every session with a record, its checkpoint verified.
 * @throws STATE_DIR_UNUSABLE
 */
export async function findDormantSessions(storage: PanelStorage, log: Log): Promise<Map<string, DormantSession>> {
  const found = new Map<string, DormantSession>();
  const { records, unreadable } = await storage.records.list();
  for (const { sessionId, reason } of unreadable) log.error({ sessionId, reason }, 'A session record is unreadable');
  for (const record of records) {
    found.set(record.id, { record, life: await lifeOf(storage, record.id, log), detachedMs: 0 });
  }
  return found;
}
