import type { VNode } from 'preact';
import { Sign } from './sign.js';
import { Text } from './text.js';

/** Why something was not done; nothing for an empty text. */
export function Refusal({ text }: { readonly text: string }): VNode | null {
  if (text === '') return null;
  return (
    <p role="alert">
      <Sign is="bad">
        <Text of={text} most={600} />
      </Sign>
    </p>
  );
}
