import type { VNode } from 'preact';
import { Text } from './text.js';

/** What stands here without a key. */
export function NoKey({ why }: { readonly why: string }): VNode {
  return (
    <main class="no-key" tabIndex={-1}>
      <h1>Panelet board</h1>
      <p>
        <Text of={why} most={400} />
      </p>
      <p>
        Run <code>panelet board</code> in a terminal and open the address that it prints. An address is good once, for a
        minute; the server makes another one whenever you ask for it.
      </p>
    </main>
  );
}
