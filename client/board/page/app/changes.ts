import type { Fleet } from '../fleet/fleet.js';

/** What has changed that people want to hear of, in sentences. What is there from the beginning is no change. */
export function changesOf(before: Fleet, after: Fleet): readonly string[] {
  const restarts = [...after.restarts.values()].flatMap((restart) => {
    const known = before.restarts.get(restart.uid);
    if (known === undefined) return before.cluster === null ? [] : [`Restart ${restart.name}: ${restart.phase}`];
    if (known.phase !== restart.phase) return [`Restart ${restart.name}: ${restart.phase}`];
    return known.paused === restart.paused ? [] : [`Restart ${restart.name}: ${restart.paused ? 'paused' : 'goes on'}`];
  });
  const troubles = [...after.troubles].flatMap(([of, text]) => (before.troubles.get(of) === text ? [] : [text]));
  return [...restarts, ...troubles];
}
