import { pictureColours as colours } from './picture-frame.js';
import type { TimelineBar } from './timeline-picture.js';

/** From a moment on something is in a state; undefined is not being there. */
export interface StateChange {
  readonly atMs: number;
  readonly state: string | undefined;
}

/** Colours of the states of agents and sessions. */
export const stateColours: Readonly<Record<string, string>> = {
  Ready: colours.good,
  Cordoned: colours.warm,
  Draining: colours.warm,
  Drained: colours.warm,
  terminating: colours.hot,
  starting: colours.cool,
  attached: colours.good,
  held: colours.warm,
  waiting: colours.hot,
};

/** Bars of a lane, from its changes in order of time; a state that comes twice in a row is one bar. */
export function laneBars(changes: readonly StateChange[], endMs: number): TimelineBar[] {
  const kept = changes.filter(({ state }, index) => state !== changes[index - 1]?.state);
  return kept.flatMap(({ atMs, state }, index) => {
    if (state === undefined) return [];
    const toMs = kept[index + 1]?.atMs ?? endMs;
    const took = ((toMs - atMs) / 1000).toFixed(1);
    const text = state === 'waiting' ? `waiting ${took} s` : state;
    return [{ fromMs: atMs, toMs, label: text, colour: stateColours[state] ?? colours.faint }];
  });
}
