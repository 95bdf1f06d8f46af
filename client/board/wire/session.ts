/**
 * What the page and its server say over a WebSocket `/session`, one for each view of a session. Text frames are JSON as below; binary
 * frames are bytes: of the page the input, of the server the output, in order. The first frame of the page is `open` or `attach`.
 */

/** From the page, as text. */
export type ViewRequest =
  /** Opens a new session. `parameters` are of the panel, `columns` and `rows` where it has a screen. */
  | {
      readonly kind: 'open';
      readonly key: string;
      readonly node: string;
      readonly panel: string;
      readonly parameters: Readonly<Record<string, string>>;
      readonly columns: number;
      readonly rows: number;
    }
  /** Shows a session that a view of this board has already: each view sees the same bytes, and any may write. */
  | {
      readonly kind: 'attach';
      readonly key: string;
      readonly session: string;
      readonly columns: number;
      readonly rows: number;
    }
  | { readonly kind: 'resize'; readonly columns: number; readonly rows: number }
  /** So many bytes of output are on the screen, counted from the first of this view. The server sends at most 256 KiB more than that. */
  | { readonly kind: 'shown'; readonly bytes: number }
  /** No more input will come. */
  | { readonly kind: 'finish' }
  /** Ends the session for good. Closing the WebSocket leaves it to go on. */
  | { readonly kind: 'terminate' };

/** From the server, as text. */
export type ViewNews =
  /**
   * Once, before any output. `replayed` is true where there is output already. Of that the first `seenBytes` were on the screen of some
   * view: what they ask a terminal, that one has answered.
   */
  | {
      readonly kind: 'opened';
      readonly session: string;
      readonly node: string;
      readonly replayed: boolean;
      readonly seenBytes: number;
    }
  | { readonly kind: 'state'; readonly state: 'live' | 'reconnecting' | 'frozen'; readonly text: string }
  /** The client came back to the session: so long nothing could come, and why. */
  | { readonly kind: 'gap'; readonly ms: number; readonly cause: 'moved' | 'restart' | 'cut'; readonly at: string }
  /** Bytes that cannot be shown any more: how many frames, and why. */
  | { readonly kind: 'lost'; readonly text: string }
  | { readonly kind: 'note'; readonly text: string }
  | { readonly kind: 'ended'; readonly text: string; readonly exitCode: number | null }
  | { readonly kind: 'failed'; readonly code: string; readonly text: string };
