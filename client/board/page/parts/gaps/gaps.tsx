import type { VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { Board } from '../../app/board.js';
import { gapFigures, type GapCause } from '../../fleet/gap-log.js';
import { spanText } from '../../text/durations.js';
import { GapPlot } from './gap-plot.js';

const names: Readonly<Record<GapCause | 'all', string>> = {
  all: 'All',
  moved: 'Moved',
  restart: 'Agent restarted',
  cut: 'Connection cut',
};
const shapes: Readonly<Record<GapCause, string>> = { moved: '●', restart: '■', cut: '▲' };

/** How long the sessions of this page could not go on, in figures and as points over time. */
export function Gaps({ board }: { readonly board: Board }): VNode {
  const figures = gapFigures(board.gaps.value);
  const all = figures[0]?.figures;
  return (
    <section class="card gaps" aria-labelledby="gaps">
      <div class="heading">
        <h2 id="gaps">Gaps</h2>
        <p class="quiet">how long sessions of this page stood still</p>
      </div>
      {all === undefined || all.count === 0 ? (
        <p class="quiet">None yet.</p>
      ) : (
        <>
          <dl class="figures">
            <Figure name="p50" value={spanText(all.p50)} />
            <Figure name="p99" value={spanText(all.p99)} />
            <Figure name="longest" value={spanText(all.max)} />
            <Figure name="gaps" value={String(all.count)} />
          </dl>
          <Plot board={board} />
          <ul class="legend">
            {figures.flatMap(({ of, figures: { count, p50, p99 } }) =>
              of === 'all'
                ? []
                : [
                    <li key={of} class={`of-${of}`}>
                      <span aria-hidden="true">{shapes[of]}</span> {names[of]}: {count}, p50 {spanText(p50)}, p99{' '}
                      {spanText(p99)}
                    </li>,
                  ],
            )}
          </ul>
        </>
      )}
    </section>
  );
}

function Figure({ name, value }: { readonly name: string; readonly value: string }): VNode {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

/** Nothing of it is read out: the figures say the same. */
function Plot({ board }: { readonly board: Board }): VNode {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<GapPlot | null>(null);
  const gaps = board.gaps.value;
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    // Made anew with each size, as its letters grow with the window.
    const draw = (): void => {
      plot.current?.dispose();
      plot.current = new GapPlot(element);
      plot.current.show(board.gaps.peek());
    };
    const observer = new ResizeObserver(draw);
    observer.observe(element);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', draw);
    return () => {
      scheme.removeEventListener('change', draw);
      observer.disconnect();
      plot.current?.dispose();
      plot.current = null;
    };
  }, []);
  useEffect(() => plot.current?.show(gaps), [gaps]);
  return <div class="plot" ref={place} aria-hidden="true" />;
}
