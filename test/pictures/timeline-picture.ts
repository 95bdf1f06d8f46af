import { framePicture, pictureColours as colours } from './picture-frame.js';
import { svgElement, svgText } from './svg-element.js';

/** Something that was in one state for a while. */
export interface TimelineBar {
  readonly fromMs: number;
  readonly toMs: number;
  /** What is written into the bar where there is room. */
  readonly label: string;
  readonly colour: string;
}

/** A row of the timeline. */
export interface TimelineLane {
  readonly title: string;
  readonly bars: readonly TimelineBar[];
  /** Moments at which something small happened, for example a key. @default none */
  readonly ticksMs?: readonly number[];
}

/** Lanes over one axis of time, which begins at 0. */
export interface Timeline {
  readonly description: string;
  readonly heading: string;
  readonly endMs: number;
  /** Moment that the axis calls 0 s. @default 0 */
  readonly zeroMs?: number;
  readonly lanes: readonly TimelineLane[];
  readonly legend: readonly { readonly colour: string; readonly text: string }[];
}

const width = 800;
const left = 150;
const right = 16;
const top = 44;
const laneHeight = 34;
const barHeight = 22;
const labelSize = 11;
const labelWidth = 6.7;

const placeOf = (timeline: Timeline, ms: number): number =>
  left + (Math.min(Math.max(ms, 0), timeline.endMs) / timeline.endMs) * (width - left - right);

const label = (x: number, y: number, text: string, colour: string): string =>
  svgElement('text', { x, y, 'font-size': labelSize, style: `fill:${colour}` }, svgText(text));

function drawBar(timeline: Timeline, bar: TimelineBar, y: number): string {
  const x = placeOf(timeline, bar.fromMs);
  const barWidth = placeOf(timeline, bar.toMs) - x;
  if (barWidth <= 0) return '';
  const rect = svgElement('rect', {
    x,
    y,
    width: barWidth,
    height: barHeight,
    fill: bar.colour,
    'fill-opacity': '0.35',
  });
  const edge = svgElement('rect', { x, y, width: Math.min(2, barWidth), height: barHeight, fill: bar.colour });
  const hasRoom = bar.label.length * labelWidth + 10 <= barWidth;
  return rect + edge + (hasRoom ? label(x + 6, y + 15, bar.label, colours.text) : '');
}

function drawLane(timeline: Timeline, lane: TimelineLane, index: number): string {
  const y = top + index * laneHeight;
  const ticks = [...new Set((lane.ticksMs ?? []).map((ms) => Math.round(placeOf(timeline, ms))))].map(
    (x) => `M${x} ${y + barHeight + 2}v4`,
  );
  const path = ticks.length === 0 ? '' : svgElement('path', { d: ticks.join(''), stroke: colours.faint });
  const bars = lane.bars.map((bar) => drawBar(timeline, bar, y));
  return label(14, y + 15, lane.title, colours.text) + bars.join('') + path;
}

function drawAxis(timeline: Timeline, bottom: number): string {
  const zeroMs = timeline.zeroMs ?? 0;
  const seconds = Math.floor((timeline.endMs - zeroMs) / 1000);
  const step = Math.max(1, Math.ceil(seconds / 12));
  const marks: string[] = [];
  for (let second = 0; second <= seconds; second += step) {
    const x = placeOf(timeline, zeroMs + second * 1000);
    marks.push(svgElement('path', { d: `M${Math.round(x)} ${top - 6}V${bottom}`, stroke: colours.edge }));
    marks.push(label(x + 3, bottom + 10, `${second} s`, colours.faint));
  }
  return marks.join('');
}

function drawLegend(timeline: Timeline, y: number): string {
  let x = 14;
  return timeline.legend
    .map(({ colour, text }) => {
      const square = svgElement('rect', { x, y: y - 9, width: 10, height: 10, fill: colour, 'fill-opacity': '0.6' });
      const words = label(x + 15, y, text, colours.faint);
      x += 15 + text.length * labelWidth + 16;
      return square + words;
    })
    .join('');
}

/** Draws lanes over time as an SVG. */
export function drawTimeline(timeline: Timeline): string {
  const bottom = top + timeline.lanes.length * laneHeight;
  const heading = svgElement('text', { x: 14, y: 24, 'font-size': 13 }, svgText(timeline.heading));
  const lanes = timeline.lanes.map((lane, index) => drawLane(timeline, lane, index));
  return framePicture(
    { width, height: bottom + 44, description: timeline.description },
    [heading, drawAxis(timeline, bottom), ...lanes, drawLegend(timeline, bottom + 32)].join('\n'),
  );
}
