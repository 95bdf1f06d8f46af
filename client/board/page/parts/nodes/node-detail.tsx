import type { ComponentChildren, VNode } from 'preact';
import { useSignal } from '@preact/signals';
import { countText } from '#common/count-text.js';
import type { BoardGate, BoardNode, BoardPanel, BoardPod } from '../../../wire/live.js';
import type { Board } from '../../app/board.js';
import type { OpenViews } from '../../views/open-views.js';
import { Sign } from '../base/sign.js';
import { Text } from '../base/text.js';
import { OpenPanelDialog } from './open-panel-dialog.js';
import { SessionTable } from './session-table.js';

/** What is known of a node: its pods, its gate, panels to open, the user's sessions. */
export function NodeDetail({
  node,
  board,
  views,
  close,
}: {
  readonly node: string;
  readonly board: Board;
  readonly views: OpenViews;
  readonly close: () => void;
}): VNode {
  const known = board.fleet.value.nodes.get(node);
  const pods = [...board.fleet.value.pods.values()].filter((pod) => pod.node === node);
  const closeByKey = (event: KeyboardEvent): void => {
    if (event.key !== 'Escape' || event.defaultPrevented) return;
    event.preventDefault();
    close();
  };
  return (
    <div class="detail" role="region" aria-labelledby="node-name" onKeyDown={closeByKey}>
      <div class="heading">
        <h3 id="node-name">
          <Text of={node} />
        </h3>
        <button type="button" onClick={close}>
          Close
        </button>
      </div>
      {known === undefined && <p class="quiet">Asking its agent…</p>}
      {known?.trouble !== undefined && (
        <Sign is="warn">
          <Text of={known.trouble} most={400} />
        </Sign>
      )}
      {known?.gate !== null && known?.gate !== undefined && <Gate gate={known.gate} />}
      {known !== undefined && <Panels known={known} views={views} />}
      {known !== undefined && <SessionTable sessions={known.sessions} node={node} views={views} />}
      <Pods pods={pods} />
      <p class="unseen">{board.life.value.is === 'live' ? '' : 'This is old.'}</p>
    </div>
  );
}

function Part({ title, children }: { readonly title: string; readonly children: ComponentChildren }): VNode {
  return (
    <div class="part">
      <h4>{title}</h4>
      {children}
    </div>
  );
}

function Gate({ gate }: { readonly gate: BoardGate }): VNode {
  const worker = (each: BoardGate['workers'][number]): VNode => (
    <li key={each.panel}>
      <b>
        <Text of={each.panel} most={60} />
      </b>{' '}
      <Text of={each.state.toLowerCase()} most={30} />, {countText(each.sessions, 'session')}
      {each.retiring && ', retiring'}
      {each.message !== '' && (
        <>
          : <Text of={each.message} most={200} />
        </>
      )}
    </li>
  );
  return (
    <Part title="Gate">
      <p>
        <Sign is={gate.state === 'SERVING' ? 'ok' : 'busy'}>
          <Text of={gate.state.toLowerCase()} most={30} />
        </Sign>
        , {countText(gate.sessions, 'session')}
        {gate.restartRequired && ', must be restarted'}
      </p>
      <ul class="plain-list">{gate.workers.slice(0, 20).map(worker)}</ul>
      {gate.holders.length > 0 && (
        <p>
          Held by <Text of={gate.holders.slice(0, 10).join(', ')} most={300} />
        </p>
      )}
    </Part>
  );
}

function Panels({ known, views }: { readonly known: BoardNode; readonly views: OpenViews }): VNode {
  const asked = useSignal<BoardPanel | null>(null);
  const open = (panel: BoardPanel): void => {
    if (panel.name === 'terminal') views.open({ node: known.node, panel: panel.name, parameters: {}, session: null });
    else asked.value = panel;
  };
  return (
    <Part title="Panels">
      {known.panels.length === 0 && <p class="quiet">None.</p>}
      <ul class="buttons">
        {known.panels.slice(0, 30).map((panel) => (
          <li key={panel.name}>
            <button type="button" onClick={() => open(panel)}>
              Open <Text of={panel.name} most={40} />
            </button>{' '}
            <span class="quiet">
              <Text of={panel.version} most={30} />
            </span>
          </li>
        ))}
      </ul>
      {asked.value !== null && (
        <OpenPanelDialog node={known.node} panel={asked.value.name} views={views} close={() => (asked.value = null)} />
      )}
    </Part>
  );
}

function Pods({ pods }: { readonly pods: readonly BoardPod[] }): VNode {
  return (
    <Part title="Pods">
      <ul class="plain-list">
        {pods.slice(0, 12).map((pod) => (
          <li key={pod.uid}>
            <Sign is={pod.ready ? 'ok' : 'warn'}>
              <Text of={pod.name} most={80} />
            </Sign>{' '}
            <span class="quiet">
              <Text of={pod.state} most={30} />
              {pod.ready ? '' : ', not ready'}
              {pod.retiring ? ', retiring' : ''}, <Text of={pod.image} most={120} />
            </span>
          </li>
        ))}
      </ul>
    </Part>
  );
}
