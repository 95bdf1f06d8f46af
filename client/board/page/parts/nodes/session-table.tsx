import type { VNode } from 'preact';
import type { BoardSession } from '../../../wire/live.js';
import { ageText, timeOfDay } from '../../text/durations.js';
import type { OpenViews } from '../../views/open-views.js';
import { Sign } from '../base/sign.js';
import { Text } from '../base/text.js';

const mostShown = 30;

/** The user's sessions on a node. Those that this page opened can be shown in a tab. */
export function SessionTable({
  sessions,
  node,
  views,
}: {
  readonly sessions: readonly BoardSession[];
  readonly node: string;
  readonly views: OpenViews;
}): VNode {
  const known = views.known.value;
  const show = ({ id, panel }: BoardSession): void => {
    views.open({ node, panel, parameters: {}, session: id });
  };
  return (
    <div class="part">
      <h4 id="sessions">Your sessions</h4>
      {sessions.length === 0 ? (
        <p class="quiet">None on this node.</p>
      ) : (
        <ul class="sessions" aria-labelledby="sessions">
          {sessions.slice(0, mostShown).map((session) => (
            <li key={session.id}>
              <Facts session={session} />
              {known.has(session.id) && (
                <button type="button" onClick={() => show(session)}>
                  Show<span class="unseen"> session {session.id.slice(0, 8)}</span>
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
      {sessions.length > mostShown && <p class="quiet">{sessions.length - mostShown} more</p>}
    </div>
  );
}

function Facts({ session }: { readonly session: BoardSession }): VNode {
  const { panel, owner, ageMs, framesIn, framesOut, endsAt, attached, retiring } = session;
  return (
    <div>
      <p>
        <Sign is={attached ? 'ok' : 'off'}>
          <b>
            <Text of={panel} most={40} />
          </b>{' '}
          {attached ? 'attached' : 'detached'}
        </Sign>
        {retiring && ', on a host that retires'}, {ageText(ageMs)}
        {endsAt !== '' && `, ends ${timeOfDay(endsAt)}`}
      </p>
      <p class="quiet">
        <Text of={owner} most={60} />, {framesIn} in, {framesOut} out, <code>{session.id.slice(0, 12)}</code>
      </p>
    </div>
  );
}
