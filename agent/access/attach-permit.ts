import { AttachMode } from '#proto/session/v1/session.js';
import type { Caller } from './identity.js';
import type { AuditContext } from './audit.js';
import type { Access } from './open-access.js';
import type { StillAllowed } from './permissions.js';
import type { Question } from './authorizer.js';

/** What an Attach asks for. */
export interface AttachWish {
  readonly panel: string;
  readonly sessionId: string;
  readonly mode: AttachMode;
}

/** What a call asks for that watches something. */
export interface WatchWish {
  /** Its method. */
  readonly method: string;
  readonly questions: readonly Question[];
  readonly panel: string;
}

/**
 * What a caller must be allowed for an attachment: to open the panel, whatever the mode, and to see sessions where it may find one
 * that exists. So whoever may not open a panel any more cannot go on in it either.
 */
export function attachQuestions({ panel, mode }: AttachWish): readonly Question[] {
  const opens: Question = { verb: 'create', resource: 'panels', name: panel };
  return mode === AttachMode.OPEN ? [opens] : [{ verb: 'get', resource: 'sessions', name: '' }, opens];
}

/**
 * Lets callers attach who may, as the configuration knows them now: they may have taken their time for the Hello. Its promise
 * rejects with IDENTITY_REFUSED, or with API_UNAVAILABLE when nobody can say.
 */
export function createAttachPermit({ identity, permissions }: Access) {
  return async ({ caller, remoteAddress }: Attaching, wish: AttachWish): Promise<void> => {
    const context = contextOf(remoteAddress, wish);
    const known = currentOf(identity, caller);
    await Promise.all(attachQuestions(wish).map((question) => permissions.require(known, question, context)));
  };
}

/** Asks whether callers who are attached, or watch, still may; whoever the configuration knows no more may not. */
export function createAttachReview({ identity, permissions }: Access) {
  return async ({ caller, remoteAddress, wish }: Attached): Promise<StillAllowed> => {
    const known = currentOf(identity, caller);
    if ('questions' in wish) return permissions.still(known, wish.questions, { method: wish.method, remoteAddress });
    return permissions.still(known, attachQuestions(wish), contextOf(remoteAddress, wish));
  };
}

function currentOf(identity: Access['identity'], caller: Caller): Caller {
  return identity.current(caller) ?? { name: caller.name, roles: [] };
}

interface Attaching {
  readonly caller: Caller;
  readonly remoteAddress: string | undefined;
}

interface Attached extends Attaching {
  readonly wish: AttachWish | WatchWish;
}

function contextOf(remoteAddress: string | undefined, { sessionId }: AttachWish): AuditContext {
  return { method: 'Attach', remoteAddress, sessionId };
}
