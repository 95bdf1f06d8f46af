import type { VNode } from 'preact';
import { shownLines, shownText } from '../../text/shown-text.js';

/** Text of others on one line; what is cut can be read by pointing at it. */
export function Text({ of, most = 120 }: { readonly of: string; readonly most?: number }): VNode {
  const shown = shownText(of, most);
  return shown.length < of.length ? <bdi title={shownText(of, 1_000)}>{shown}</bdi> : <bdi>{shown}</bdi>;
}

/** Text of others with its lines. */
export function Lines({ of }: { readonly of: string }): VNode {
  return (
    <pre class="lines">
      <bdi>{shownLines(of)}</bdi>
    </pre>
  );
}
