import type { Clock, Timer } from '#common/clock.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import type { AttachWish } from '../access/attach-permit.js';
import type { StillAllowed } from '../access/permissions.js';
import type { Caller } from './identity.js';

/** An attachment that is relayed. */
export interface RelayedAttachment {
  readonly caller: Caller;
  readonly remoteAddress: string | undefined;
  readonly wish: AttachWish;
  /** Has the worker tell the client why, and end. @throws when the worker cannot or does not in time */
  readonly revoke: (message: string) => Promise<void>;
  /** Ends it at once, whatever is on its way. */
  cut(): void;
}

/** What the reviews need. */
export interface AttachmentReviewsDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Each attachment is asked about once in so many milliseconds, spread over them. */
  readonly everyMs: number;
  readonly ask: (attachment: RelayedAttachment) => Promise<StillAllowed>;
  /** Told what came of each question. */
  readonly onReviewed?: (kind: StillAllowed['kind']) => void;
}

/** Asks again, and again, whether those who are attached still may be. */
export interface AttachmentReviews {
  /** Watches an attachment. @returns a function that forgets it, for when it has ended */
  add(attachment: RelayedAttachment): () => void;
  /** Asks at once about those that `choose` names. */
  reviewNow(choose: (attachment: RelayedAttachment) => boolean): void;
  /** Attachments that are watched. */
  size(): number;
  /** Asks nothing any more. */
  close(): void;
}

/** What an attachment whose worker did not end it may still take. */
const revokeLimitMs = 5_000;

/**
 * Reviews without attachments. Only the answer "no" ends one: while nobody can say, everything stays as it is. The worker
 * tells the client, behind what it sent before; one that does not within 5 s is not waited for.
 */
export function createAttachmentReviews(deps: AttachmentReviewsDeps): AttachmentReviews {
  const { clock, random, everyMs } = deps;
  const watched = new Map<RelayedAttachment, Timer>();
  let closed = false;
  const schedule = (attachment: RelayedAttachment, afterMs: number): void => {
    watched.set(
      attachment,
      clock.after(afterMs, () => void review(attachment)),
    );
  };
  const review = async (attachment: RelayedAttachment): Promise<void> => {
    const result = await answerOf(deps, attachment);
    deps.onReviewed?.(result.kind);
    if (!watched.has(attachment) || closed) return;
    if (result.kind === 'denied') end(deps, attachment, result.message, () => watched.has(attachment));
    else {
      watched.get(attachment)?.stop();
      schedule(attachment, everyMs);
    }
  };
  return {
    add: (attachment) => {
      if (!closed) schedule(attachment, random.number() * everyMs);
      return () => {
        watched.get(attachment)?.stop();
        watched.delete(attachment);
      };
    },
    reviewNow: (choose) => {
      for (const [attachment, timer] of watched) {
        if (!choose(attachment)) continue;
        timer.stop();
        void review(attachment);
      }
    },
    size: () => watched.size,
    close: () => {
      closed = true;
      for (const timer of watched.values()) timer.stop();
      watched.clear();
    },
  };
}

async function answerOf(deps: AttachmentReviewsDeps, attachment: RelayedAttachment): Promise<StillAllowed> {
  try {
    return await deps.ask(attachment);
  } catch (err) {
    deps.log.error({ err }, 'Asking again about an attachment failed');
    return { kind: 'unavailable' };
  }
}

function end(
  { clock, log }: AttachmentReviewsDeps,
  attachment: RelayedAttachment,
  message: string,
  isThere: () => boolean,
): void {
  const cutIfThere = (): void => {
    if (isThere()) attachment.cut();
  };
  attachment.revoke(message).then(
    () => clock.after(revokeLimitMs, cutIfThere),
    (err: unknown) => {
      log.warn(
        { err, panel: attachment.wish.panel },
        'A worker did not end an attachment that is not allowed any more',
      );
      cutIfThere();
    },
  );
}
