import { ratioOf, type Figure } from './figure.js';
import type { MeasuredLine } from './series.js';

/** Name of the peer that every other is compared with. */
export const agentName = 'agent';
/** Name of the other build of the agent. */
export const beforeName = 'agent before';

// A row that is slower than this many times the agent before is named.
const slowerBelow = 0.95;

/** Markdown of one table: a line for each row, the agent's ratio to each other peer in brackets. */
export function tableLines(
  title: string,
  peerNames: readonly string[],
  measured: readonly MeasuredLine[],
): readonly string[] {
  const agentIndex = peerNames.indexOf(agentName);
  const rows = measured.map(({ line, figures }) => {
    const cells = figures.map((figure, index) => {
      const ratio = index === agentIndex ? undefined : ratioOf(figures[agentIndex], figure);
      const text = formatFigure(figure, line.format);
      return ratio === undefined ? text : `${text} (×${ratio.toFixed(2)})`;
    });
    return `| ${[line.title, ...cells].join(' | ')} |`;
  });
  return [
    ...['', `### ${title}`, ''],
    `| | ${peerNames.join(' | ')} |`,
    `|---|${peerNames.map(() => '---:|').join('')}`,
    ...rows,
  ];
}

/** All tables, in the order in which their first rows were measured. */
export function reportLines(peerNames: readonly string[], measured: readonly MeasuredLine[]): readonly string[] {
  const titles = [...new Set(measured.map(({ line }) => line.table))];
  return titles.flatMap((title) =>
    tableLines(
      title,
      peerNames,
      measured.filter(({ line }) => line.table === title),
    ),
  );
}

/** How the agent compares with the agent before, the worst row first; every ratio above 1 is for the better. */
export function comparisonLines(peerNames: readonly string[], measured: readonly MeasuredLine[]): readonly string[] {
  const [after, before] = [peerNames.indexOf(agentName), peerNames.indexOf(beforeName)];
  if (after < 0 || before < 0) return [];
  const compared = measured.flatMap(({ line, figures }) => {
    const ratio =
      line.better === 'more' ? ratioOf(figures[after], figures[before]) : ratioOf(figures[before], figures[after]);
    return ratio === undefined ? [] : [{ ratio, name: `${shortTitle(line.table)}: ${line.title}` }];
  });
  compared.sort((a, b) => a.ratio - b.ratio);
  const slower = compared.filter(({ ratio }) => ratio < slowerBelow);
  return [
    ...['', `### The agent against the agent before (above 1: better)`, ''],
    ...['| | ratio |', '|---|---:|'],
    ...compared.map(({ ratio, name }) => `| ${name} | ×${ratio.toFixed(2)} |`),
    ...['', `Rows below ×${slowerBelow}: ${slower.length} of ${compared.length}.`],
  ];
}

function shortTitle(table: string): string {
  return table.replace(/ \(.*$/, '');
}

function formatFigure(figure: Figure, format: (value: number) => string): string {
  return typeof figure === 'number' ? format(figure) : figure;
}
