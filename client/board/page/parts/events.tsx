import type { VNode } from 'preact';
import type { Board } from '../app/board.js';
import { timeOfDay } from '../text/durations.js';
import { Sign } from './base/sign.js';
import { Text } from './base/text.js';

const mostShown = 60;

/** What the cluster's events say, the newest first. */
export function Events({ board }: { readonly board: Board }): VNode {
  const { events } = board.fleet.value;
  return (
    <section class="card events" aria-labelledby="events">
      <h2 id="events">Events</h2>
      {events.length === 0 ? (
        <p class="quiet">None yet.</p>
      ) : (
        <ol class="scrolls" tabIndex={0} aria-labelledby="events">
          {events.slice(0, mostShown).map((event) => (
            <li key={event.uid} class="event">
              <time dateTime={event.at}>{timeOfDay(event.at)}</time>
              <div>
                <p>
                  <Sign is={event.type === 'Warning' ? 'warn' : 'off'}>
                    <b>
                      {event.type === 'Warning' && <span class="unseen">Warning: </span>}
                      <Text of={event.reason} most={60} />
                    </b>
                  </Sign>{' '}
                  <span class="quiet">
                    <Text of={event.about} most={90} />
                    {event.count > 1 && `, ${event.count} times`}
                  </span>
                </p>
                <p>
                  <Text of={event.text} most={300} />
                </p>
              </div>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
