import type { ComponentChildren, VNode } from 'preact';

/** What a sign says by its shape and colour; its word says it as well. */
export type SignKind = 'ok' | 'busy' | 'warn' | 'bad' | 'off';

const shapes: Readonly<Record<SignKind, VNode>> = {
  ok: <circle cx="6" cy="6" r="4.5" fill="currentColor" />,
  busy: (
    <g fill="none" stroke="currentColor" stroke-width="1.6">
      <circle cx="6" cy="6" r="4" />
      <path d="M6 2a4 4 0 0 1 0 8z" fill="currentColor" />
    </g>
  ),
  warn: <path d="M6 1l5.2 9.6H.8z" fill="currentColor" />,
  bad: <path d="M2.2 1L6 4.8L9.8 1L11 2.2L7.2 6L11 9.8L9.8 11L6 7.2L2.2 11L1 9.8L4.8 6L1 2.2z" fill="currentColor" />,
  off: <circle cx="6" cy="6" r="4" fill="none" stroke="currentColor" stroke-width="1.6" />,
};

/** A state: a shape and a word. */
export function Sign({ is, children }: { readonly is: SignKind; readonly children?: ComponentChildren }): VNode {
  return (
    <span class={`sign ${is}`}>
      <svg class="shape" viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
        {shapes[is]}
      </svg>
      {children}
    </span>
  );
}
