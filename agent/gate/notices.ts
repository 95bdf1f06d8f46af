import type { Log } from '#common/log.js';
import { NoticeEnd, State, type DrainRequest, type Target } from '#proto/gate/v1/gate.js';
import { viewUnit } from '../workers/unit.js';
import { noticesMayEnd } from './aggregate.js';
import { commandTo } from './command-to.js';
import { liveMembers, unitsOf, type LiveMember, type Members } from './members.js';

/** The notices of one drain. */
export interface SharedNotices {
  readonly log: Log;
  readonly members: Members;
  readonly target: Target;
  readonly request: DrainRequest;
  readonly signal: AbortSignal;
}

/** Whether the workers of the target have to wait for each other: a caller that says what ends a notice has its way. */
export function sharesNotices(members: Members, target: Target, request: DrainRequest): boolean {
  const { noticeEnd = NoticeEnd.UNSPECIFIED } = request;
  const isFree = noticeEnd === NoticeEnd.UNSPECIFIED || noticeEnd === NoticeEnd.WHEN_IDLE;
  return isFree && liveMembers(unitsOf(members, target)).length > 1;
}

/**
 * Waits until the sessions of all workers are idle and ends the notices at once: a worker that froze by itself would
 * leave its clients without an attachment for as long as the others work. Where this fails, each notice ends by itself.
 * @throws the signal's reason when it aborts.
 */
export async function endNoticesTogether(notices: SharedNotices): Promise<void> {
  const { members, target, signal } = notices;
  const mayEnd = (): true | undefined => noticesMayEnd(unitsOf(members, target).map(viewUnit)) || undefined;
  await members.changes.until(mayEnd, signal);
  for (const member of liveMembers(unitsOf(members, target))) {
    if (member.view.status.state === State.NOTIFIED) endNotice(notices, member);
  }
}

function endNotice({ log, request, target }: SharedNotices, { clients, unit, view }: LiveMember): void {
  const command = commandTo(view.status, request.command);
  const call = clients.gate.drain({ ...request, command, target, noticeEnd: NoticeEnd.NOW });
  let isTold = false;
  call.on('data', () => {
    isTold = true;
    // The drain itself is followed elsewhere.
    call.cancel();
  });
  call.on('error', (err) => {
    if (!isTold) log.info({ err, panel: unit.panel.name }, 'A notice could not be ended early; it ends by itself');
  });
}
