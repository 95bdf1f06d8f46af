import type { VNode } from 'preact';
import { useSignal } from '@preact/signals';
import type { OpenViews } from '../../views/open-views.js';
import { Modal } from '../base/modal.js';
import { shownText } from '../../text/shown-text.js';
import { parametersOf } from './parameters-of.js';

/** Asks for the parameters of a panel, and opens it. */
export function OpenPanelDialog({
  node,
  panel,
  views,
  close,
}: {
  readonly node: string;
  readonly panel: string;
  readonly views: OpenViews;
  readonly close: () => void;
}): VNode {
  const isLogs = panel === 'logs';
  const path = useSignal('');
  const text = useSignal(isLogs ? 'lines=200' : '');
  const open = (event: Event): void => {
    event.preventDefault();
    const own = isLogs ? { path: path.value.trim() } : {};
    close();
    views.open({ node, panel, parameters: { ...parametersOf(text.value), ...own }, session: null });
  };
  return (
    <Modal title={`Open ${shownText(panel, 40)} on ${shownText(node, 60)}`} close={close}>
      <form class="form" onSubmit={open}>
        {isLogs && (
          <label>
            Path of the file
            <input
              required
              pattern="/.*"
              placeholder="/var/log/syslog"
              value={path.value}
              onInput={(event) => (path.value = event.currentTarget.value)}
            />
          </label>
        )}
        <label>
          Parameters, one a line: <code>name=value</code>
          <textarea rows={3} value={text.value} onInput={(event) => (text.value = event.currentTarget.value)} />
        </label>
        <div class="actions">
          <button type="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class="main">
            Open
          </button>
        </div>
      </form>
    </Modal>
  );
}
