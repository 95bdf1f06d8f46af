import type { Readable } from 'node:stream';
import type { PaneletError } from '#common/errors/errors.js';
import type { Loss } from '#session/client/client-link.js';
import type { ReadChannel, WriteChannel } from './channels.js';
import type { SessionEventMap, SessionEventName } from './session-events.js';

/** One piece of a session's output, in order. */
export type SessionItem =
  /** Bytes of the program. Small ones that waited together may be one. */
  | { readonly kind: 'data'; readonly seq: number; readonly channel: ReadChannel; readonly payload: Uint8Array }
  /** The program of the panel has ended; `signal` is set when a signal ended it. */
  | { readonly kind: 'exit'; readonly seq: number; readonly code: number; readonly signal: string | undefined }
  /** What only the panel and its clients know. */
  | { readonly kind: 'event'; readonly seq: number; readonly name: string; readonly payload: Uint8Array }
  /** Replaces all output up to `throughSeq` by a state, for example a screen. */
  | {
      readonly kind: 'snapshot';
      readonly throughSeq: number;
      readonly contentType: string;
      readonly payload: Uint8Array;
    }
  /** These frames are gone; what follows comes after them. */
  | { readonly kind: 'lost'; readonly loss: Loss }
  /** The session was ended before its program said that it is done. The last item. */
  | ({ readonly kind: 'ended' } & SessionEnding)
  /** No more output. The last item. */
  | { readonly kind: 'fin'; readonly seq: number };

/**
 * Why a session has ended: its program did (`finished`), somebody ended it, nobody came back in time, it was silent for too
 * long or too old, its panel failed, or a restart ended it by force. Workers of the first release leave it `unknown`.
 */
export type EndedBy = 'unknown' | 'finished' | 'asked' | 'expired' | 'limit' | 'failed' | 'forced';

/** How a session came to its end, in the worker's words. */
export interface SessionEnding {
  readonly cause: EndedBy;
  /** For a person; names who asked. */
  readonly message: string;
}

/** How a program ended. */
export interface ProgramExit {
  /** 0 where a signal ended it. */
  readonly code: number;
  readonly signal: string | undefined;
}

/** Where a session is in its life at this client. */
export type SessionPhase = 'attached' | 'reattaching' | 'closed';

/** How a session ended for this client. */
export type SessionEnd =
  /** For good, and why; `asked` where this client terminated it. */
  | ({ readonly kind: 'ended' } & SessionEnding)
  /** This client left. The session is kept for its time to live. */
  | { readonly kind: 'detached' }
  /** It failed for this client; the iteration and pending writes throw the same error. Whether the session lives, its code says. */
  | { readonly kind: 'failed'; readonly error: PaneletError };

/** Counters of one session at this client. */
export interface SessionStats {
  /** Time without an attachment at each resume, in milliseconds; the latest 1000. */
  readonly gapsMs: readonly number[];
  /** Attachments after the first that followed a time without one. */
  readonly resumes: number;
  /** Attachments that took over from the one before while that went on. */
  readonly moves: number;
  /** Frames received twice and dropped. */
  readonly duplicates: number;
  /** Data bytes handed to the reader. */
  readonly bytesIn: number;
  /** Data bytes taken from the writer. */
  readonly bytesOut: number;
  /** Frames told as lost events so far. */
  readonly losses: number;
  /** Round trip of the latest liveness probe, in milliseconds. */
  readonly pingMs: number | undefined;
}

/** What another process needs to go on with a session. Holds a secret: keep it as one. */
export interface ResumeState {
  readonly sessionId: string;
  readonly panel: string;
  /** The resume token, base64. Another one after each attachment. */
  readonly resumeToken: string;
  /** Life of the session; rises with every restore. */
  readonly incarnation: number;
  /** Node that the session lives on, empty when not known. */
  readonly node: string;
  /** How long the session is kept without a client, in milliseconds. */
  readonly ttlMs: number;
}

/**
 * A session on a panel. Survives connections, agents and planned restarts by itself: writes wait, and the iteration
 * goes on where it was. Reading is by pull: what is not read holds the worker back, and costs at most the credit window.
 */
export interface PaneletSession extends AsyncIterable<SessionItem> {
  /** A UUID. */
  readonly sessionId: string;
  /** Name of its panel. */
  readonly panel: string;
  /** Where it is in its life now. */
  readonly phase: SessionPhase;
  /**
   * What the program prints, as a stream, instead of the iteration. Read `stderr` too: one that nobody reads holds the other
   * back; one that is destroyed does not. Fails with SESSION_LOST where output is missing, and with DRAIN_FORCED, PANEL_FAILED or
   * SESSION_ENDED where the session was ended in the middle of it.
   * @throws CONFIG_INVALID when the session is being iterated
   */
  readonly stdout: Readable;
  /** Its errors: of a program on pipes (`tty: 'false'`); on a terminal they come with the rest. As `stdout`. */
  readonly stderr: Readable;
  /** `stdout` as a web stream, made when it is first asked for. Take it or `stdout`, not both. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /**
   * Input as a web stream: what is written goes where `write` goes, closing it is `end`. It fails once the session is closed. Aborting it
   * writes no more, and leaves the session as it is.
   */
  readonly writable: WritableStream<Uint8Array | string>;
  /** How the program ended; undefined when the session was over before. As `stdout`, it reads instead of the iteration. */
  readonly exit: Promise<ProgramExit | undefined>;
  /** Resolves when nothing more comes, with how it ended. Never rejects. */
  readonly closed: Promise<SessionEnd>;
  /**
   * Writes bytes, on stdin unless said otherwise. Resolves once all are in the replay buffer, below its limit: from
   * then on they are delivered exactly once, or told as lost.
   * @throws PaneletError when the session is over, or after `end`.
   */
  write(bytes: Uint8Array | string, options?: { readonly channel?: WriteChannel }): Promise<void>;
  /** Tells the size of the window, in character cells. Sizes that follow fast are merged. */
  resize(size: { readonly rows: number; readonly cols: number }): void;
  /** Asks the panel to signal its program, for example `SIGINT`, in order with the bytes written before. */
  signal(name: string): Promise<void>;
  /** Sends an event that only the panel and its clients know, of at most 4 KiB. @throws LIMIT_EXCEEDED for a larger one */
  send(name: string, payload: Uint8Array): Promise<void>;
  /** No more input. Resizes, signals and events may follow. */
  end(): Promise<void>;
  /** Resolves when the worker has acknowledged everything written so far: it is delivered. @throws when the session closes before. */
  flushed(): Promise<void>;
  /** Listens to an event. @returns a function that stops it. */
  on<Name extends SessionEventName>(name: Name, listener: (event: SessionEventMap[Name]) => void): () => void;
  /**
   * Leaves. The session goes on without a client and is kept for its time to live: another one can resume it. What was written and not
   * acknowledged may be lost: see `flushed`. Does nothing once the session is closed. The same as `await using`. Never rejects.
   */
  detach(): Promise<void>;
  /**
   * Ends the session for good, and its program with it, also after `detach` or a failure; resolves once it has ended, also where it had
   * before. What was written and not taken is lost.
   * @throws AGENT_UNREACHABLE and the like when nobody could be told: the session lives, and it may be tried again; ATTACH_SUPERSEDED when it
   * is another client's by now
   */
  terminate(): Promise<void>;
  /** `detach`. */
  [Symbol.asyncDispose](): Promise<void>;
  /** Its counters now. */
  stats(): SessionStats;
  /** For another process, for example a later run of a CLI. Changes with every attachment. */
  resumeState(): ResumeState;
}
