import type { ComponentChildren, VNode } from 'preact';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';

/** A dialog over the page. Escape closes it, and the focus goes back to where it was. */
export function Modal({
  title,
  close,
  children,
}: {
  readonly title: string;
  readonly close: () => void;
  readonly children: ComponentChildren;
}): VNode {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useLayoutEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => queueMicrotask(() => giveFocusBack(before));
  }, []);
  const cancel = (event: Event): void => {
    event.preventDefault();
    close();
  };
  return (
    <dialog ref={dialog} class="modal" aria-labelledby={id} onCancel={cancel}>
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  );
}

/** To what had it, or where that is gone, to the page. */
function giveFocusBack(to: Element | null): void {
  const isThere = to instanceof HTMLElement && to.isConnected && !to.matches(':disabled, body');
  (isThere ? to : document.querySelector<HTMLElement>('main'))?.focus();
}
