import type { VNode } from 'preact';
import type { Board } from '../../app/board.js';
import { Sign } from './sign.js';
import { Text } from './text.js';

/** What cannot be seen, a line each. */
export function Troubles({ board }: { readonly board: Board }): VNode | null {
  const { troubles } = board.fleet.value;
  if (troubles.size === 0) return null;
  return (
    <section class="troubles" aria-label="What cannot be seen">
      <ul>
        {[...troubles].map(([of, text]) => (
          <li key={of}>
            <Sign is="warn">
              <span>
                <b>{of}</b>: <Text of={text} most={400} />
              </span>
            </Sign>
          </li>
        ))}
      </ul>
    </section>
  );
}
