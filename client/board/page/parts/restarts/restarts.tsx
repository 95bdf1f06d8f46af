import type { VNode } from 'preact';
import { useSignal } from '@preact/signals';
import type { Board } from '../../app/board.js';
import { restartsInOrder } from '../../fleet/lane-layout.js';
import { PlanDialog } from './plan-dialog.js';
import { RestartCard } from './restart-card.js';

/** Restarts, those under way first, and the way to another one. */
export function Restarts({ board }: { readonly board: Board }): VNode {
  const isPlanning = useSignal(false);
  const { restarts, targets } = board.fleet.value;
  const shown = restartsInOrder(restarts.values());
  const hidden = restarts.size - shown.length;
  return (
    <section class="card restarts" aria-labelledby="restarts">
      <div class="heading">
        <h2 id="restarts">Restarts</h2>
        <button type="button" class="main" disabled={targets.length === 0} onClick={() => (isPlanning.value = true)}>
          Plan a restart
        </button>
      </div>
      {shown.length === 0 && (
        <p class="quiet">None. A plan says what a restart would do, before anything is touched.</p>
      )}
      {shown.map((restart) => (
        <RestartCard key={restart.uid} restart={restart} board={board} />
      ))}
      {hidden > 0 && <p class="quiet">{hidden} more</p>}
      {isPlanning.value && <PlanDialog board={board} close={() => (isPlanning.value = false)} />}
    </section>
  );
}
