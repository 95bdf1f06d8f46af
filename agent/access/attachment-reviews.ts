import { sleep, type Clock, type Timer } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import type { AttachWish, WatchWish } from './attach-permit.js';
import type { StillAllowed } from './permissions.js';
import type { Caller } from './identity.js';

/** An attachment that is relayed, or a call that watches something. */
export interface RelayedAttachment {
  readonly caller: Caller;
  readonly remoteAddress: string | undefined;
  readonly wish: AttachWish | WatchWish;
  /**
   * Has the worker tell the client why, and end.
   * @returns false when the worker knows none of this name: it has ended it, or has not heard of it yet
   * @throws when the worker cannot or does not in time
   */
  readonly revoke: (message: string) => Promise<boolean>;
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
  /**
   * Called before anybody is asked whether an attachment may be, as that may take a while.
   * @returns what watches it once it is relayed: it is asked about at once when `reviewNow` was called in between, which did
   * not know of it. That returns a function that forgets it, for when it has ended.
   */
  expect(): (attachment: RelayedAttachment) => () => void;
  /** Asks at once about those that `choose` names; again, where a question is under way that may be older than the reason. */
  reviewNow(choose: (attachment: RelayedAttachment) => boolean): void;
  /** Attachments that are watched. */
  size(): number;
  /** Asks nothing any more. */
  close(): void;
}

/** How far the review of one attachment is. An answer counts while `isStale` is false. */
interface Watch {
  phase: 'waiting' | 'asking' | 'ending';
  isStale: boolean;
  timer: Timer | undefined;
}

function beginToAsk(watch: Watch): void {
  watch.timer?.stop();
  watch.phase = 'asking';
  watch.isStale = false;
}

/** What an attachment whose worker did not end it may still take. */
const revokeLimitMs = 5_000;
/** A worker may hear of an attachment after it is asked to end it: it is asked again, so often. */
const unknownTries = 5;

/**
 * Reviews without attachments. Only the answer "no" ends one, and once: while nobody can say, everything stays as it is. The
 * worker tells the client, behind what it sent before; one that does not within 5 s is not waited for.
 */
export function createAttachmentReviews(deps: AttachmentReviewsDeps): AttachmentReviews {
  const { clock, random, everyMs } = deps;
  const watched = new Map<RelayedAttachment, Watch>();
  let closed = false;
  let rounds = 0;
  const schedule = (attachment: RelayedAttachment, watch: Watch, afterMs: number): void => {
    watch.phase = 'waiting';
    watch.timer = clock.after(afterMs, () => void review(attachment, watch));
  };
  const review = async (attachment: RelayedAttachment, watch: Watch): Promise<void> => {
    beginToAsk(watch);
    const result = await answerOf(deps, attachment);
    deps.onReviewed?.(result.kind);
    const isThere = (): boolean => watched.get(attachment) === watch;
    if (!isThere()) return;
    if (watch.isStale) void review(attachment, watch);
    else if (result.kind === 'denied') {
      watch.phase = 'ending';
      void end(deps, attachment, result.message, isThere);
    } else schedule(attachment, watch, everyMs);
  };
  const add = (attachment: RelayedAttachment, isDue: boolean): (() => void) => {
    const watch: Watch = { phase: 'waiting', isStale: false, timer: undefined };
    if (!closed) {
      watched.set(attachment, watch);
      if (isDue) void review(attachment, watch);
      else schedule(attachment, watch, random.number() * everyMs);
    }
    return () => {
      watch.timer?.stop();
      watched.delete(attachment);
    };
  };
  return {
    expect: () => {
      const round = rounds;
      return (attachment) => add(attachment, round !== rounds);
    },
    reviewNow: (choose) => {
      rounds++;
      for (const [attachment, watch] of watched) {
        if (watch.phase === 'ending' || !choose(attachment)) continue;
        if (watch.phase === 'asking') watch.isStale = true;
        else void review(attachment, watch);
      }
    },
    size: () => watched.size,
    close: () => {
      closed = true;
      for (const { timer } of watched.values()) timer?.stop();
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

async function end(
  { clock, log }: AttachmentReviewsDeps,
  attachment: RelayedAttachment,
  message: string,
  isThere: () => boolean,
): Promise<void> {
  try {
    let isTold = await attachment.revoke(message);
    for (let tries = 1; !isTold && tries < unknownTries && isThere(); tries++) {
      await sleep(clock, revokeLimitMs / unknownTries);
      isTold = isThere() && (await attachment.revoke(message));
    }
    // Unless it has ended by itself, it is on its way to a client that takes its time.
    if (isTold) await sleep(clock, revokeLimitMs);
  } catch (err) {
    log.warn({ err, panel: attachment.wish.panel }, 'A worker did not end an attachment that is not allowed any more');
  }
  if (isThere()) attachment.cut();
}
