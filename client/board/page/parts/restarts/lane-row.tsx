import type { VNode } from 'preact';
import { countText } from '#common/count-text.js';
import type { BoardLane } from '../../../wire/live.js';
import { laneStops, type LaneStop } from '../../fleet/lane-layout.js';
import { ageText, timeOfDay } from '../../text/durations.js';
import { shownText } from '../../text/shown-text.js';
import { Text } from '../base/text.js';

/** A pod on its lane: stops with times, and what is told of it now. */
export function LaneRow({ lane, date }: { readonly lane: BoardLane; readonly date: Date }): VNode {
  const stops = laneStops(lane);
  const since = Date.parse(lane.since);
  const left = Date.parse(lane.deadline) - date.getTime();
  return (
    <li class={`lane ${lane.stage.toLowerCase()}`}>
      <p class="pod">
        <b>
          <Text of={lane.pod} most={80} />
        </b>{' '}
        <span class="quiet">
          on <Text of={lane.node} most={80} />
        </span>
      </p>
      <div class="track" role="img" aria-label={trackText(lane, stops)}>
        {stops.map((stop) => (
          <Stop key={stop.stage} stop={stop} isArrived={lane.stage === 'Succeeded'} />
        ))}
      </div>
      <p class="told">
        <b>{shownText(lane.step || lane.stage, 40)}</b>
        {!Number.isNaN(since) && lane.stage !== 'Succeeded' && ` for ${ageText(date.getTime() - since)}`}
        {left > 0 && lane.stage === 'Draining' && `, at most ${ageText(left)} more`}
        {lane.sessions !== null && lane.stage !== 'Succeeded' && `, ${countText(lane.sessions, 'session')}`}
        {lane.text !== '' && (
          <>
            : <Text of={lane.text} most={300} />
          </>
        )}
        {lane.holders.length > 0 && (
          <>
            . Held by <Text of={lane.holders.slice(0, 5).join(', ')} most={200} />
          </>
        )}
      </p>
    </li>
  );
}

function Stop({ stop, isArrived }: { readonly stop: LaneStop; readonly isArrived: boolean }): VNode {
  return (
    <span class={`stop ${stop.is} ${isArrived ? 'arrived' : ''}`}>
      <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
        <circle cx="8" cy="8" r="6" class="ring" />
        {stop.is === 'passed' && <path d="M5 8.2l2.2 2.2L11.2 6" class="mark" />}
        {stop.is === 'failed' && <path d="M5.4 5.4l5.2 5.2M10.6 5.4l-5.2 5.2" class="mark" />}
        {stop.is === 'now' && <circle cx="8" cy="8" r="2.6" class="core" />}
      </svg>
      <time>{timeOfDay(stop.at)}</time>
    </span>
  );
}

function trackText({ stage }: BoardLane, stops: readonly LaneStop[]): string {
  const times = stops.flatMap((stop) => (stop.at === '' ? [] : [`${stop.stage} at ${timeOfDay(stop.at)}`]));
  return `${stage}${times.length === 0 ? '' : `; ${times.join(', ')}`}`;
}
