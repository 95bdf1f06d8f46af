import type { Log } from '#common/log.js';
import { NoticeEnd, State, type DrainRequest, type Target } from '#proto/gate/v1/gate.js';
import { viewWorker } from '../workers/node-worker.js';
import { noticesMayEnd } from './aggregate.js';
import { commandTo } from './command-to.js';
import { liveWorkers, workersOf, type LiveWorker, type NodeWorkers } from './node-workers.js';

/** The notices of one drain. */
export interface SharedNotices {
  readonly log: Log;
  readonly nodeWorkers: NodeWorkers;
  readonly target: Target;
  readonly request: DrainRequest;
  readonly signal: AbortSignal;
}

/** Whether the workers of the target have to wait for each other: a caller that says what ends a notice has its way. */
export function sharesNotices(nodeWorkers: NodeWorkers, target: Target, request: DrainRequest): boolean {
  const { noticeEnd = NoticeEnd.UNSPECIFIED } = request;
  const isFree = noticeEnd === NoticeEnd.UNSPECIFIED || noticeEnd === NoticeEnd.WHEN_IDLE;
  return isFree && liveWorkers(workersOf(nodeWorkers, target)).length > 1;
}

/**
 * Waits until the sessions of all workers are idle and ends the notices at once: a worker that froze by itself would
 * leave its clients without an attachment for as long as the others work. Where this fails, each notice ends by itself.
 * @throws the signal's reason when it aborts.
 */
export async function endNoticesTogether(notices: SharedNotices): Promise<void> {
  const { nodeWorkers, target, signal } = notices;
  const mayEnd = (): true | undefined => noticesMayEnd(workersOf(nodeWorkers, target).map(viewWorker)) || undefined;
  await nodeWorkers.changes.until(mayEnd, signal);
  for (const worker of liveWorkers(workersOf(nodeWorkers, target))) {
    if (worker.view.status.state === State.NOTIFIED) endNotice(notices, worker);
  }
}

function endNotice({ log, request, target }: SharedNotices, { clients, worker, view }: LiveWorker): void {
  const command = commandTo(view.status, request.command);
  const call = clients.gate.drain({ ...request, command, target, noticeEnd: NoticeEnd.NOW });
  let isTold = false;
  call.on('data', () => {
    isTold = true;
    // The drain itself is followed elsewhere.
    call.cancel();
  });
  call.on('error', (err) => {
    if (!isTold) log.info({ err, panel: worker.panel.name }, 'A notice could not be ended early; it ends by itself');
  });
}
