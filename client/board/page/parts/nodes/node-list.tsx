import type { Signal } from '@preact/signals';
import type { VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { Board } from '../../app/board.js';
import type { NodeRow, SortColumn } from '../../fleet/node-rows.js';
import { visibleRows } from '../../lists/visible-rows.js';
import { Sign, type SignKind } from '../base/sign.js';
import { Text } from '../base/text.js';
import { useScrolledRows } from '../base/use-scrolled-rows.js';
import { useRovingRow } from './use-roving-row.js';

const columns: readonly { readonly sort: SortColumn; readonly name: string }[] = [
  { sort: 'node', name: 'Node' },
  { sort: 'state', name: 'State' },
  { sort: 'version', name: 'Version' },
  { sort: 'sessions', name: 'Sessions' },
];
const signs: Readonly<Record<NodeRow['state'], SignKind>> = {
  Ready: 'ok',
  Restarting: 'busy',
  Retiring: 'busy',
  'Not ready': 'warn',
  'No agent': 'bad',
};

interface NodeListProps {
  readonly board: Board;
  /** Node that has or had the focus. */
  readonly focused: Signal<string | null>;
}

/** The list of nodes, of which only what is on the screen is drawn. One row has the focus; arrows move it. */
export function NodeList({ board, focused }: NodeListProps): VNode {
  const scroller = useRef<HTMLDivElement>(null);
  const rows = board.chosen.value;
  const screen = useScrolledRows(scroller);
  const drawn = visibleRows({ count: rows.length, ...screen });
  const shown = rows.slice(drawn.first, drawn.first + drawn.count);
  const seen = rows.slice(drawn.firstSeen, drawn.firstSeen + drawn.seen).map(({ node }) => node);
  const focusable = shown.some(({ node }) => node === focused.value) ? focused.value : (seen[0] ?? null);
  useEffect(() => board.setOnScreen(seen), [seen.join('\n')]);
  const open = (node: string | null): void => {
    focused.value = node;
    board.setOpenNode(node);
  };
  const press = useRovingRow({ scroller, screen, rows, focusable, focused, page: drawn.seen, open });
  return (
    <div class="node-list" role="grid" aria-label="Nodes" aria-rowcount={rows.length + 1}>
      <HeadRow board={board} />
      <div class="scrolls" role="rowgroup" ref={scroller} onKeyDown={press}>
        <div role="presentation" style={{ paddingTop: `${drawn.beforePx}px`, paddingBottom: `${drawn.afterPx}px` }}>
          {shown.map((row, index) => (
            <Row
              key={row.node}
              row={row}
              index={drawn.first + index + 2}
              isFocusable={row.node === focusable}
              isOpen={row.node === board.openNode.value}
              open={open}
            />
          ))}
        </div>
        {rows.length === 0 && (
          <p class="quiet empty">{board.rows.value.length === 0 ? 'None yet.' : 'None like that.'}</p>
        )}
      </div>
    </div>
  );
}

function HeadRow({ board }: { readonly board: Board }): VNode {
  const { sort, isDescending } = board.choice.value;
  const order = (column: SortColumn): void => {
    board.choice.value = { ...board.choice.value, sort: column, isDescending: column === sort && !isDescending };
  };
  return (
    <div role="rowgroup">
      <div role="row" class="row head" aria-rowindex={1}>
        {columns.map((column) => (
          <div
            key={column.sort}
            role="columnheader"
            class={column.sort}
            aria-sort={column.sort === sort ? (isDescending ? 'descending' : 'ascending') : 'none'}
          >
            <button type="button" class="plain" onClick={() => order(column.sort)}>
              {column.name}
              <span aria-hidden="true">{column.sort === sort ? (isDescending ? ' ↓' : ' ↑') : ''}</span>
            </button>
          </div>
        ))}
      </div>
    </div>
  );
}

interface RowProps {
  readonly row: NodeRow;
  readonly index: number;
  readonly isFocusable: boolean;
  readonly isOpen: boolean;
  readonly open: (node: string) => void;
}

function Row({ row, index, isFocusable, isOpen, open }: RowProps): VNode {
  return (
    <div
      role="row"
      class="row"
      aria-rowindex={index}
      aria-selected={isOpen}
      tabIndex={isFocusable ? 0 : -1}
      onClick={() => open(row.node)}
    >
      <div role="gridcell" class="node">
        <Text of={row.node} most={80} />
      </div>
      <div role="gridcell" class="state">
        <Sign is={signs[row.state]}>{stateText(row)}</Sign>
        {row.retiring > 0 && <span class="quiet"> {row.retiring} retiring</span>}
        {row.gate !== null && row.gate !== 'SERVING' && (
          <span class="quiet">
            {' '}
            gate <Text of={row.gate.toLowerCase()} most={20} />
          </span>
        )}
      </div>
      <div role="gridcell" class="version">
        <Text of={row.version} most={40} />
      </div>
      <div role="gridcell" class="sessions">
        {row.sessions ?? <span title="Only nodes that are followed are counted, eight at a time">·</span>}
      </div>
    </div>
  );
}

function stateText({ state, stage }: NodeRow): string {
  if (state === 'Restarting' && stage !== null) return `${state}: ${stage}`;
  return stage === 'Failed' ? `${state}, restart failed` : state;
}
