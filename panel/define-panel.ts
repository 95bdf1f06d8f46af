/** Where output goes. */
export type OutputChannel = 'stdout' | 'stderr' | 'control';

/** Something of the client, in order. */
export type ClientInput =
  /** Bytes. */
  | { readonly kind: 'data'; readonly data: Uint8Array; readonly channel: 'stdin' | 'control' }
  /** What only the panel and its clients know; the content is JSON by custom. */
  | { readonly kind: 'event'; readonly name: string; readonly payload: Uint8Array }
  /** Size of the client's window, in character cells. */
  | { readonly kind: 'resize'; readonly rows: number; readonly cols: number }
  /** Name with the SIG prefix. */
  | { readonly kind: 'signal'; readonly name: string }
  /** No more data comes; events may. */
  | { readonly kind: 'end' };

/** What a session has of its worker. */
export interface SessionHost {
  /** A UUID. */
  readonly sessionId: string;
  /** Verified identity of who opened it. */
  readonly owner: string;
  /** As panel.yaml has them, defaults filled in; those of the session's beginning. */
  readonly parameters: Readonly<Record<string, string>>;
  /**
   * Writes to the client. Everything is taken at once, and belongs to the state from then on: a restart loses none of it. The promise resolves
   * when more should be written: await it where much is written.
   * @param channel @default 'stdout'
   * @throws an Error while the session is frozen, or has ended
   */
  write(data: Uint8Array | string, channel?: OutputChannel): Promise<void>;
  /**
   * Sends an event to the client, in order with the data.
   * @param content becomes JSON, of at most 4 KiB
   * @throws an Error while the session is frozen, or has ended
   */
  event(name: string, content: unknown): void;
  /** The session is over: its client gets what was written, and the end. Idempotent. */
  end(): void;
  /** The session is over, and has failed: `reason` is a sentence for the client. Idempotent. */
  fail(reason: string): void;
}

/** One session of a panel. */
export interface SessionHandler {
  /**
   * Takes one input. A promise holds the next one back. What is thrown ends the session, with its message for the client. A restart finds an
   * input taken whole, or not begun.
   */
  input(input: ClientInput, host: SessionHost): void | Promise<void>;
  /** All that there is of the session, for another process. Called when it is frozen. @default it cannot go on in another process */
  checkpoint?(): Uint8Array;
  /** Starts nothing new, such as timers, and resolves when nothing is under way. @default nothing is but inputs, which are waited for */
  freeze?(): void | Promise<void>;
  /** Goes on after a freeze. */
  thaw?(): void;
  /** The session is over: lets go of everything. */
  close?(): void | Promise<void>;
}

/** A kind of session. */
export interface PanelSpec {
  /** Starts a session. What is thrown refuses it, with its message for the client. */
  open(host: SessionHost): SessionHandler | Promise<SessionHandler>;
  /** Goes on with a session from what `checkpoint` gave, in another process, perhaps of another version. */
  restore?(host: SessionHost, checkpoint: Uint8Array): SessionHandler | Promise<SessionHandler>;
}

/** Says what a panel is; the types of its parts follow. @returns the same */
export function definePanel(spec: PanelSpec): PanelSpec {
  return spec;
}
