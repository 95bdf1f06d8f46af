import { framePicture, pictureColours as colours } from './picture-frame.js';
import type { ScreenRow, ScreenRun } from './screen-rows.js';
import { svgElement, svgText } from './svg-element.js';

/** What is to be seen from a moment on. */
export interface ScreenMoment {
  /** Milliseconds since the picture begins. */
  readonly atMs: number;
  /** Rows of each pane. */
  readonly panes: readonly (readonly ScreenRow[])[];
}

/** A picture of screens that change. */
export interface ScreenPicture {
  readonly description: string;
  /** Title and height in rows of each pane, from the top. */
  readonly panes: readonly { readonly title: string; readonly rows: number }[];
  /** Width of all panes, in cells. */
  readonly columns: number;
  /** In order of time; the last one is what is seen where nothing moves. */
  readonly moments: readonly ScreenMoment[];
  /** How long the last moment stays, in milliseconds. */
  readonly lastsMs: number;
}

const cellWidth = 8.4;
const cellHeight = 18;
const fontSize = 14;
const margin = 14;
const titleHeight = 26;

function drawRun(run: ScreenRun): string {
  const x = margin + run.column * cellWidth;
  const rect = { x, y: 0, width: run.cells * cellWidth, height: cellHeight, fill: run.ground };
  const behind = run.ground === undefined ? '' : svgElement('rect', rect);
  // Each word group has a place and a width of its own, so that the grid holds with every font.
  const groups = [...run.text.matchAll(/\S+(?: \S+)*/g)].map((group) => {
    const [text] = group;
    const cells = run.text.length === run.cells ? text.length : undefined;
    return svgElement(
      'text',
      {
        x: x + group.index * cellWidth,
        y: fontSize,
        style: run.colour === undefined ? undefined : `fill:${run.colour}`,
        'font-weight': run.bold === true ? 'bold' : undefined,
        textLength: cells === undefined || cells < 2 ? undefined : cells * cellWidth,
      },
      svgText(text),
    );
  });
  return behind + groups.join('');
}

const drawRow = (row: ScreenRow): string => row.map(drawRun).join('');

/** The same content of a row, from a moment to another. */
interface Stretch {
  readonly svg: string;
  readonly from: number;
  readonly to: number;
}

function stretchesOf(contents: readonly string[]): Stretch[] {
  const stretches: Stretch[] = [];
  for (const [index, svg] of contents.entries()) {
    const last = stretches.at(-1);
    if (last?.svg === svg) stretches[stretches.length - 1] = { ...last, to: index + 1 };
    else stretches.push({ svg, from: index, to: index + 1 });
  }
  return stretches.filter(({ svg }) => svg !== '');
}

/** Names the times at which something is seen, once each, as CSS animations. */
class Times {
  readonly #rules = new Map<string, string>();

  constructor(
    private readonly moments: readonly ScreenMoment[],
    private readonly totalMs: number,
  ) {}

  classOf({ from, to }: Stretch): string | undefined {
    const count = this.moments.length;
    if (from === 0 && to === count) return undefined;
    const percent = (index: number): string =>
      String(Math.round(((this.moments[index]?.atMs ?? 0) / this.totalMs) * 10_000) / 100);
    const [start, end] = [from === 0 ? '' : '0%{opacity:0}', to === count ? '' : `${percent(to)}%{opacity:0}`];
    const name = `k${from}_${to}`;
    // Where nothing moves, only what is seen last is seen.
    const still = to === count ? '' : 'opacity:0;';
    this.#rules.set(
      name,
      `@keyframes ${name}{${start}${percent(from)}%{opacity:1}${end}}.${name}{${still}animation-name:${name}}`,
    );
    return `m ${name}`;
  }

  style(): string {
    const all = `.m{animation:${this.totalMs}ms step-end infinite}@media(prefers-reduced-motion:reduce){.m{animation:none!important}}`;
    return all + [...this.#rules.values()].join('');
  }
}

function paneTop(picture: ScreenPicture, index: number): number {
  const above = picture.panes.slice(0, index);
  return above.reduce((top, pane) => top + titleHeight + pane.rows * cellHeight + margin, margin / 2);
}

function drawPane(picture: ScreenPicture, index: number, times: Times): string {
  const { rows, title } = picture.panes[index] ?? { rows: 0, title: '' };
  const top = paneTop(picture, index);
  const width = 2 * margin + picture.columns * cellWidth;
  const heading = svgElement(
    'text',
    { x: margin, y: top + 17, style: `fill:${colours.faint}`, 'font-size': 12 },
    svgText(title),
  );
  const line = svgElement('rect', { x: 1, y: top + titleHeight - 2, width: width - 2, height: 1, fill: colours.edge });
  const drawn = Array.from({ length: rows }, (_, row) => {
    const contents = picture.moments.map((moment) => drawRow(moment.panes[index]?.[row] ?? []));
    const stretches = stretchesOf(contents).map((stretch) => {
      const name = times.classOf(stretch);
      return name === undefined ? stretch.svg : svgElement('g', { class: name }, stretch.svg);
    });
    if (stretches.length === 0) return '';
    const place = `translate(0 ${top + titleHeight + row * cellHeight})`;
    return svgElement('g', { transform: place, 'font-size': fontSize }, stretches.join(''));
  });
  return [heading, line, ...drawn.filter((svg) => svg !== '')].join('\n');
}

/** Draws screens that change as an SVG that moves by CSS alone, and shows its end where nothing moves. */
export function drawScreens(picture: ScreenPicture): string {
  const last = picture.moments.at(-1)?.atMs ?? 0;
  const times = new Times(picture.moments, Math.max(1, last + picture.lastsMs));
  const panes = picture.panes.map((_, index) => drawPane(picture, index, times));
  return framePicture(
    {
      width: 2 * margin + picture.columns * cellWidth,
      height: paneTop(picture, picture.panes.length),
      description: picture.description,
      style: times.style(),
    },
    panes.join('\n'),
  );
}
