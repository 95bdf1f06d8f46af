import type { VNode } from 'preact';
import { useSignal } from '@preact/signals';
import type { Board } from '../../app/board.js';
import { nodeStates, type NodeChoice } from '../../fleet/node-rows.js';
import type { OpenViews } from '../../views/open-views.js';
import { NodeDetail } from './node-detail.js';
import { NodeList } from './node-list.js';

/** All nodes, and one of them in full. */
export function Nodes({ board, views }: { readonly board: Board; readonly views: OpenViews }): VNode {
  const focused = useSignal<string | null>(null);
  const open = board.openNode.value;
  const all = board.rows.value.length;
  const chosen = board.chosen.value.length;
  const close = (): void => {
    board.setOpenNode(null);
    document.querySelector<HTMLElement>('.node-list [tabindex="0"]')?.focus();
  };
  return (
    <section class="card nodes" aria-labelledby="nodes">
      <div class="heading">
        <h2 id="nodes">Nodes</h2>
        <p class="quiet">{chosen === all ? `${all}` : `${chosen} of ${all}`}</p>
        <Choice board={board} />
      </div>
      <NodeList board={board} focused={focused} />
      {open !== null && <NodeDetail key={open} node={open} board={board} views={views} close={close} />}
    </section>
  );
}

function Choice({ board }: { readonly board: Board }): VNode {
  const choose = (change: Partial<NodeChoice>): void => {
    board.choice.value = { ...board.choice.value, ...change };
  };
  return (
    <div class="choice" role="search" aria-label="Nodes">
      <label>
        <span class="unseen">Filter nodes by any word</span>
        <input
          type="search"
          placeholder="Filter by any word"
          value={board.choice.value.text}
          onInput={(event) => choose({ text: event.currentTarget.value })}
        />
      </label>
      <label>
        <span class="unseen">State</span>
        <select
          value={board.choice.value.state}
          onChange={(event) => choose({ state: event.currentTarget.value as NodeChoice['state'] })}
        >
          <option value="all">Every state</option>
          {nodeStates.map((state) => (
            <option key={state} value={state}>
              {state}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}
