import { laneBars, stateColours } from './lane-bars.js';
import { recordedSize, type Recording } from './record.js';
import type { ScreenPicture } from './screen-picture.js';
import type { Timeline, TimelineLane } from './timeline-picture.js';

// What is shown of the time before kubectl was called.
const beforeMs = 1000;

/** What the picture of the screens shows of a recording. */
export function screensOf({ moments }: Recording): ScreenPicture {
  const changed = moments.filter(
    ({ panes }, index) => JSON.stringify(panes) !== JSON.stringify(moments[index - 1]?.panes),
  );
  return {
    description:
      'Two terminals. In the upper one somebody types into vim, in a session of a node. In the lower one kubectl annotate asks for a restart, and the agents of both nodes are replaced. vim waits for a moment while its agent is replaced, goes on as the same process, and has every key that was typed meanwhile.',
    panes: [
      { title: 'A session on node-a: vim', rows: recordedSize.rows + 1 },
      { title: 'An operator', rows: recordedSize.operatorRows },
    ],
    columns: recordedSize.cols,
    moments: changed,
    lastsMs: 4000,
  };
}

/** What the timeline shows of a recording: from just before kubectl was called to the end. */
export function timelineOf(recording: Recording): Timeline {
  const startMs = recording.askedMs - beforeMs;
  const endMs = recording.endMs - startMs;
  const shift = <Item extends { readonly atMs: number }>(items: readonly Item[]): Item[] =>
    items.map((item) => ({ ...item, atMs: Math.max(0, item.atMs - startMs) }));
  const nodes = [...new Set(recording.sessions.map(({ node }) => node))];
  const lanes = nodes.flatMap((node): TimelineLane[] => {
    const own = recording.sessions.filter((session) => session.node === node);
    const agent = shift(recording.agents.filter((change) => change.node === node));
    return [
      { title: `${node} agent`, bars: laneBars(agent, endMs) },
      ...own.map((session) => ({
        title: session.typedMs.length > 0 ? 'vim: keys typed' : 'shell: output',
        bars: laneBars(shift(session.changes), endMs),
        ticksMs: (session.typedMs.length > 0 ? session.typedMs : session.outputMs).map((ms) => ms - startMs),
      })),
    ];
  });
  return {
    description:
      'A restart over time, a lane for the agent of each node and one for a session on it. Node by node the agent is drained, deleted and started anew. The session waits for a moment meanwhile, and goes on.',
    heading: 'A restart of two agents, as it was recorded; kubectl annotate at 0 s',
    endMs,
    zeroMs: beforeMs,
    lanes,
    legend: [
      { colour: stateColours['Ready'] ?? '', text: 'serves' },
      { colour: stateColours['Draining'] ?? '', text: 'cordoned, drained' },
      { colour: stateColours['terminating'] ?? '', text: 'terminating, waiting' },
      { colour: stateColours['starting'] ?? '', text: 'starting' },
    ],
  };
}
