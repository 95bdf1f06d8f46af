/** What a connection to the server is in: `live` once it was told something, `refused` for good. */
export type SocketLife =
  | { readonly is: 'connecting'; readonly tries: number }
  | { readonly is: 'live' }
  /** Nobody answers; the next try comes by itself. */
  | { readonly is: 'waiting'; readonly tries: number }
  | { readonly is: 'refused' }
  /** Closed by the page. */
  | { readonly is: 'over' };

/** What happens to it. */
export type SocketEvent =
  | { readonly kind: 'message' }
  | { readonly kind: 'closed'; readonly isRefusal: boolean }
  /** Time to try again, or somebody asked for it. */
  | { readonly kind: 'due' }
  | { readonly kind: 'end' };

/** What has to be done then. */
export type SocketEffect = 'connect' | 'wait' | 'close' | 'reset-backoff';

/** The next state, and what it takes. */
export function socketAfter(
  life: SocketLife,
  event: SocketEvent,
): { readonly life: SocketLife; readonly effects: readonly SocketEffect[] } {
  if (life.is === 'refused' || life.is === 'over') return { life, effects: [] };
  switch (event.kind) {
    case 'message':
      return life.is === 'connecting' ? { life: { is: 'live' }, effects: ['reset-backoff'] } : { life, effects: [] };
    case 'closed':
      if (life.is === 'waiting') return { life, effects: [] };
      if (event.isRefusal) return { life: { is: 'refused' }, effects: [] };
      return { life: { is: 'waiting', tries: triesOf(life) }, effects: ['wait'] };
    case 'due':
      return life.is === 'waiting'
        ? { life: { is: 'connecting', tries: life.tries + 1 }, effects: ['connect'] }
        : { life, effects: [] };
    case 'end':
      return { life: { is: 'over' }, effects: ['close'] };
  }
}

function triesOf(life: SocketLife): number {
  return life.is === 'connecting' ? life.tries : 0;
}
