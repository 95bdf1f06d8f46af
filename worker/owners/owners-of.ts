import { PaneletError } from '#common/errors/errors.js';
import type { SessionRecordStore } from '../storage/session-record.js';

/**
 * The owners of all sessions that have a record.
 * @throws STATE_DIR_UNUSABLE when a record cannot be read, so that its owner is not known.
 */
export async function ownersOf(store: Pick<SessionRecordStore, 'list'>): Promise<ReadonlySet<string>> {
  const { records, unreadable } = await store.list();
  const [first] = unreadable;
  if (first !== undefined) {
    throw new PaneletError(
      'STATE_DIR_UNUSABLE',
      `The record of session ${first.sessionId} is unreadable (${first.reason}). Remove its directory.`,
    );
  }
  return new Set(records.map(({ owner }) => owner));
}
