import { sleep, type Clock, type Timer } from '#common/time/clock.js';
import { durationToMs, msToDuration } from '#common/time/duration.js';
import type { Log } from '#common/log.js';
import {
  NoticeEnd,
  OnTimeout,
  State,
  type DrainRequest,
  type DrainResponse,
  type Target,
} from '#proto/gate/v1/gate.js';
import { viewWorker, type WorkerView } from '../workers/node-worker.js';
import { longestHeldMs, noticesMayEnd } from './aggregate.js';
import { commandTo } from './command-to.js';
import type { Cordons } from './cordons.js';
import { liveWorkers, workersOf, type LiveWorker, type NodeWorkers } from './node-workers.js';

/** What ending the notices of a node's workers needs. */
export interface SharedNoticesDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly nodeWorkers: NodeWorkers;
  readonly cordons: Cordons;
}

/** The notices of one drain. */
interface Notices {
  readonly target: Target;
  readonly request: DrainRequest;
  readonly restartUid: string;
  /** When they are over at the latest, busy or not. */
  untilMs: number;
  timer?: Timer;
}

/** Workers whose notices were ended, by what leads to them: a process that comes back is another one. */
type Asked = Map<LiveWorker['clients'], 'asked' | 'at rest'>;

// As a worker does when a request says nothing of them.
const defaultNoticeMs = 10_000;
const defaultTimeoutMs = 60_000;
const noticeShare = 0.5;
// A worker that waits as long as it takes is told when; its lease ends it where nobody does.
const endlessMs = 365 * 86_400_000;
const retryMs = 500;
const aheadStates = new Set<State | undefined>([State.SERVING, State.CORDONED, State.NOTIFIED]);
const answerMs = 5_000;

/**
 * Ends the notices of the workers of a node, so that no session waits without an attachment for another panel's: all at
 * once where all are idle; else, when the notice is over, first those of workers whose sessions hold something, one worker
 * after the other, the next when all sessions of the one before have come to rest; then all others together. Goes on when
 * nobody follows the drain any more, until its cordon is gone.
 */
export class SharedNotices {
  readonly #deps: SharedNoticesDeps;
  readonly #underWay = new Map<Target, Notices>();

  constructor(deps: SharedNoticesDeps) {
    this.#deps = deps;
  }

  /** Takes the notices of a drain over, where workers have to wait for each other: a caller that says what ends a notice has its way. */
  begin(target: Target, request: DrainRequest): void {
    const { noticeEnd = NoticeEnd.UNSPECIFIED } = request;
    const isFree = noticeEnd === NoticeEnd.UNSPECIFIED || noticeEnd === NoticeEnd.WHEN_IDLE;
    if (!isFree || liveWorkers(workersOf(this.#deps.nodeWorkers, target)).length < 2) return;
    const restartUid = request.command?.restartUid ?? '';
    const noticeMs = durationToMs(request.notice, defaultNoticeMs);
    const longestMs = durationToMs(request.timeout, defaultTimeoutMs) * noticeShare;
    const untilMs = this.#deps.clock.nowMs() + Math.min(noticeMs, longestMs);
    const joined = this.#underWay.get(target);
    if (joined?.restartUid === restartUid) {
      joined.untilMs = Math.min(joined.untilMs, untilMs);
      this.#wakeAtEnd(joined);
      return;
    }
    const notices: Notices = { target, request, restartUid, untilMs };
    this.#underWay.set(target, notices);
    this.#wakeAtEnd(notices);
    void this.#endAll(notices).finally(() => {
      if (this.#underWay.get(target) === notices) this.#underWay.delete(target);
    });
  }

  /** The request as a worker is sent it: with a notice that lasts until it is ended, while notices are shared. */
  requestFor(target: Target, request: DrainRequest): DrainRequest {
    if (this.#underWay.get(target)?.restartUid !== request.command?.restartUid) return request;
    const timeoutMs = durationToMs(request.timeout, defaultTimeoutMs);
    const noticeMs = request.onTimeout === OnTimeout.WAIT ? endlessMs : timeoutMs;
    return { ...request, notice: msToDuration(noticeMs), noticeEnd: NoticeEnd.HELD };
  }

  async #endAll(notices: Notices): Promise<void> {
    const { changes } = this.#deps.nodeWorkers;
    const asked: Asked = new Map();
    if ((await this.#untilOver(notices)) === 'idle') await this.#endSome(notices, this.#notified(notices), asked);
    for (;;) {
      const next = await changes.until(() => this.#next(notices, asked));
      if (next === 'none') return;
      await this.#endSome(notices, next, asked);
    }
  }

  async #endSome(notices: Notices, next: readonly LiveWorker[], asked: Asked): Promise<void> {
    for (const { clients } of next) asked.set(clients, 'asked');
    const takes = await Promise.all(next.map((worker) => this.#end(notices, worker, asked)));
    const silent = next.filter((_, index) => takes[index] === false);
    if (silent.length === 0) return;
    await sleep(this.#deps.clock, retryMs);
    for (const { clients } of silent) asked.delete(clients);
  }

  async #untilOver(notices: Notices): Promise<'idle' | 'over'> {
    const { clock, nodeWorkers } = this.#deps;
    const look = (): 'idle' | 'over' | undefined => {
      if (this.#isGone(notices) || clock.nowMs() >= notices.untilMs) return 'over';
      return noticesMayEnd(workersOf(nodeWorkers, notices.target).map(viewWorker)) ? 'idle' : undefined;
    };
    try {
      return await nodeWorkers.changes.until(look);
    } finally {
      notices.timer?.stop();
    }
  }

  #wakeAtEnd(notices: Notices): void {
    const { clock, nodeWorkers } = this.#deps;
    notices.timer?.stop();
    notices.timer = clock.after(notices.untilMs - clock.nowMs(), () => nodeWorkers.changes.notify());
  }

  /** Whose notices end next: of who holds something first, so that nobody is frozen who would wait for it. */
  #next(notices: Notices, asked: Asked): readonly LiveWorker[] | 'none' | undefined {
    if (this.#isGone(notices)) return 'none';
    const views = workersOf(this.#deps.nodeWorkers, notices.target).map(viewWorker);
    const isUnderWay = views.some((view) => view.kind === 'up' && isComingToRest(view, asked));
    if (isUnderWay) return undefined;
    // Also those whose watch has not shown their cordon yet.
    const isAhead = (view: WorkerView): boolean =>
      view.kind === 'unknown' || (view.kind === 'up' && aheadStates.has(view.status.state));
    if (!views.some(isAhead)) return 'none';
    const notified = this.#notified(notices).filter(({ clients }) => !asked.has(clients));
    const holding = notified.filter(({ view }) => view.status.holders.length > 0);
    const heldMs = ({ view }: LiveWorker): number => longestHeldMs(view.status);
    const [longest] = holding.toSorted((a, b) => heldMs(b) - heldMs(a));
    if (longest !== undefined) return [longest];
    return notified.length === 0 ? undefined : notified;
  }

  #isGone({ target, restartUid }: Notices): boolean {
    return this.#deps.cordons.get(target)?.restartUid !== restartUid;
  }

  #notified({ target }: Notices): LiveWorker[] {
    const live = liveWorkers(workersOf(this.#deps.nodeWorkers, target));
    return live.filter(({ view }) => view.status.state === State.NOTIFIED);
  }

  /** @returns true when the worker has taken it; what it tells from then on goes to `asked`, sooner than its watch has it */
  #end({ request, target }: Notices, { clients, worker, view }: LiveWorker, asked: Asked): Promise<boolean> {
    const command = commandTo(view.status, request.command);
    const call = clients.gate.drain({ ...request, command, target, noticeEnd: NoticeEnd.NOW });
    return new Promise((resolve) => {
      let isSettled = false;
      const settle = (isTold: boolean, err?: Error): void => {
        if (isSettled) return;
        isSettled = true;
        limit.stop();
        const { name: panel } = worker.panel;
        if (!isTold) this.#deps.log.info({ err, panel }, 'A notice could not be ended; it is tried again');
        // The drain itself is followed elsewhere.
        if (!isTold) call.cancel();
        resolve(isTold);
      };
      const limit = this.#deps.clock.after(answerMs, () => settle(false));
      call.on('data', ({ status }: DrainResponse) => {
        settle(true);
        if (!isPast(status?.state)) return;
        asked.set(clients, 'at rest');
        call.cancel();
        this.#deps.nodeWorkers.changes.notify();
      });
      call.on('end', () => settle(false));
      call.on('error', (err) => settle(false, err));
    });
  }
}

/** Sessions of it are being brought to rest, or are about to. */
function isComingToRest({ status, clients }: Extract<WorkerView, { kind: 'up' }>, asked: Asked): boolean {
  const told = asked.get(clients);
  if (told === 'at rest') return false;
  return status.state === State.FROZEN || (status.state === State.NOTIFIED && told === 'asked');
}

function isPast(state: State | undefined): boolean {
  return state !== undefined && state !== State.FROZEN && !aheadStates.has(state);
}
