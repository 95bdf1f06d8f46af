import type { VNode } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';

/** Searches in what a session has shown. */
export function SearchBar({
  find,
  result,
  close,
}: {
  readonly find: (text: string, direction: 'next' | 'previous') => void;
  readonly result: string;
  readonly close: () => void;
}): VNode {
  const input = useRef<HTMLInputElement>(null);
  const text = useSignal('');
  useLayoutEffect(() => input.current?.focus(), []);
  const press = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') {
      event.preventDefault();
      close();
    }
    if (event.key === 'Enter') {
      event.preventDefault();
      find(text.value, event.shiftKey ? 'previous' : 'next');
    }
  };
  return (
    <div class="search-bar" role="search" aria-label="This session" onKeyDown={press}>
      <label>
        <span class="unseen">Search in this session</span>
        <input
          ref={input}
          type="search"
          placeholder="Search"
          value={text.value}
          onInput={(event) => {
            text.value = event.currentTarget.value;
            find(text.value, 'next');
          }}
        />
      </label>
      <button type="button" onClick={() => find(text.value, 'previous')}>
        Previous
      </button>
      <button type="button" onClick={() => find(text.value, 'next')}>
        Next
      </button>
      <button type="button" onClick={close}>
        Close search
      </button>
      <span role="status">{result}</span>
    </div>
  );
}
