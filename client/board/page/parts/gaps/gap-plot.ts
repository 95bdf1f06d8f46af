import uPlot from 'uplot';
import { timeOfDay } from '../../text/durations.js';
import { gapCauses, type SessionGap, type GapCause } from '../../fleet/gap-log.js';

/** Height of the plot and of its letters, in the page's own unit. */
const heightRem = 11;
const letterRem = 0.75;

/** Points over time, a shape and a colour for each cause. */
export class GapPlot {
  readonly #plot: uPlot;

  constructor(element: HTMLElement) {
    const ink = (): string => colour('--quiet');
    const axis = {
      stroke: ink,
      grid: { stroke: () => colour('--line'), width: 1 },
      ticks: { stroke: () => colour('--line'), width: 1 },
      font: `${letterRem * rootPx()}px system-ui, sans-serif`,
    };
    this.#plot = new uPlot(
      {
        width: Math.max(200, element.clientWidth),
        height: heightRem * rootPx(),
        legend: { show: false },
        cursor: { show: false },
        scales: { y: { range: (_plot, _low, high) => [0, Math.max(10, high * 1.15)] }, x: { range: timeRange } },
        axes: [
          {
            ...axis,
            space: 6 * rootPx(),
            values: (_plot, times) => times.map((at) => timeOfDay(new Date(at * 1_000).toISOString())),
          },
          {
            ...axis,
            size: 4.2 * rootPx(),
            values: (_plot, values) => values.map((ms) => (ms >= 1_000 ? `${ms / 1_000} s` : `${ms} ms`)),
          },
        ],
        series: [
          {},
          ...gapCauses.map((cause) => ({
            label: cause,
            paths: () => null,
            points: { show: (plot: uPlot, index: number) => drawPoints(plot, index, cause) },
          })),
        ],
      },
      [[], ...gapCauses.map(() => [])],
      element,
    );
  }

  show(gaps: readonly SessionGap[]): void {
    const sorted = [...gaps].sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
    const values = gapCauses.map((cause) => sorted.map((gap) => (gap.cause === cause ? gap.ms : null)));
    this.#plot.setData([sorted.map(({ at }) => Date.parse(at) / 1_000), ...values]);
  }

  dispose(): void {
    this.#plot.destroy();
  }
}

/** The times of the gaps, a minute at least: one gap stands in the middle. Of one, the plot itself would show a day. */
function timeRange({ data: [times] }: uPlot): [number, number] {
  const [from = 0, to = from] = [times[0], times.at(-1)];
  const around = Math.max(30, (to - from) * 0.05);
  return [from - around, to + around];
}

/** Pixels of a rem. */
function rootPx(): number {
  return parseFloat(getComputedStyle(document.documentElement).fontSize);
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

const colours: Readonly<Record<GapCause, string>> = { moved: '--ok', restart: '--accent', cut: '--warn' };

/** A circle, a square or a triangle for each; false, as the plot draws none of its own. */
function drawPoints(plot: uPlot, series: number, cause: GapCause): boolean {
  const { ctx } = plot;
  const [times, values] = [plot.data[0], plot.data[series] ?? []];
  const size = 4.5 * devicePixelRatio;
  ctx.save();
  ctx.fillStyle = colour(colours[cause]);
  values.forEach((value, index) => {
    const time = times[index];
    if (value === null || value === undefined || time === undefined) return;
    ctx.beginPath();
    shape(ctx, cause, { x: plot.valToPos(time, 'x', true), y: plot.valToPos(value, 'y', true), size });
    ctx.fill();
  });
  ctx.restore();
  return false;
}

function shape(
  ctx: CanvasRenderingContext2D,
  cause: GapCause,
  { x, y, size }: { readonly x: number; readonly y: number; readonly size: number },
): void {
  if (cause === 'moved') ctx.arc(x, y, size, 0, 2 * Math.PI);
  if (cause === 'restart') ctx.rect(x - size, y - size, 2 * size, 2 * size);
  if (cause !== 'cut') return;
  ctx.moveTo(x, y - 1.2 * size);
  ctx.lineTo(x + 1.2 * size, y + size);
  ctx.lineTo(x - 1.2 * size, y + size);
  ctx.closePath();
}
