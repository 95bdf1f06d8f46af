import type { VNode } from 'preact';
import { useSignal } from '@preact/signals';
import type { Board } from '../../app/board.js';
import { Modal } from './modal.js';
import { Sign } from './sign.js';
import { Text } from './text.js';

/** Which cluster it is, and whether the board hears of it. */
export function Header({ board }: { readonly board: Board }): VNode {
  const areKeysShown = useSignal(false);
  const { cluster } = board.fleet.value;
  return (
    <header class="top">
      <div class="name">
        <h1>
          <Text of={cluster === null ? 'Panelet board' : cluster.context || 'This cluster'} most={80} />
        </h1>
        {cluster !== null && (
          <p>
            namespace <Text of={cluster.namespace} most={63} />, panelet <Text of={cluster.version} most={40} />
          </p>
        )}
      </div>
      <Connection board={board} />
      <div class="switches">
        <label class="switch">
          <input
            type="checkbox"
            role="switch"
            checked={board.isReadOut.value}
            onChange={(event) => (board.isReadOut.value = event.currentTarget.checked)}
          />
          Screen reader
        </label>
        <button type="button" onClick={() => (areKeysShown.value = true)}>
          Keys
        </button>
      </div>
      {areKeysShown.value && <Keys close={() => (areKeysShown.value = false)} />}
    </header>
  );
}

function Connection({ board }: { readonly board: Board }): VNode {
  const life = board.life.value;
  if (life.is === 'live') {
    return (
      <p class="connection">
        <Sign is="ok">Live</Sign>
      </p>
    );
  }
  const isLost = board.fleet.value.cluster !== null || life.is === 'waiting';
  return (
    <p class="connection">
      <Sign is="warn">{isLost ? 'Board not reached; what you see is old. Trying again' : 'Connecting'}</Sign>
      {life.is === 'waiting' && (
        <button type="button" onClick={() => board.tryNow()}>
          Try now
        </button>
      )}
    </p>
  );
}

const keys: readonly (readonly [string, string])[] = [
  ['↑ ↓ Home End Page', 'move in the list of nodes'],
  ['Enter', 'show the node that has the focus'],
  ['← →', 'move between tabs of sessions'],
  ['Delete', 'close the view of the tab that has the focus; its session goes on'],
  ['Ctrl+M', 'in a terminal: Tab leaves the terminal, or is typed again'],
  ['Ctrl+F, ⌘F', 'in a terminal or a log: search; Enter for the next, Shift+Enter for the one before'],
  ['Escape', 'close a dialog, a search, or what is shown of a node'],
];

function Keys({ close }: { readonly close: () => void }): VNode {
  return (
    <Modal title="Keys" close={close}>
      <dl class="keys">
        {keys.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <div class="actions">
        <button type="button" class="main" onClick={close}>
          Close
        </button>
      </div>
    </Modal>
  );
}
