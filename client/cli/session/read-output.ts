import type { PaneletError } from '#common/errors/errors.js';
import { errorOfEnding } from '../../session/error-of-ending.js';
import type { PaneletSession, SessionItem } from '../../session/panelet-session.js';

/** How a session at the CLI ended. */
export type SessionOutcome =
  | { readonly kind: 'exited'; readonly code: number; readonly signal: string | undefined }
  /** Ended, and nobody said with which status. */
  | { readonly kind: 'ended' }
  /** Ended by something else than its program. */
  | { readonly kind: 'cut'; readonly error: PaneletError }
  | { readonly kind: 'detached' }
  /** Ended or left by us, because its output cannot be written here. */
  | { readonly kind: 'unwritten'; readonly error: NodeJS.ErrnoException }
  | { readonly kind: 'failed'; readonly error: unknown };

type ItemOf<Kind extends SessionItem['kind']> = Extract<SessionItem, { readonly kind: Kind }>;

/** What is done with each kind of output; the next item is read when the promise resolves. */
export interface OutputSink {
  data(item: ItemOf<'data'>): Promise<void>;
  snapshot(item: ItemOf<'snapshot'>): Promise<void>;
  lost(item: ItemOf<'lost'>): Promise<void>;
  event?(item: ItemOf<'event'>): Promise<void>;
}

/** Reads a session to its end. Never throws for the session's sake: a failure is an outcome. */
export async function readOutput(session: PaneletSession, sink: OutputSink): Promise<SessionOutcome> {
  let exit: ItemOf<'exit'> | undefined;
  let cut: PaneletError | undefined;
  try {
    for await (const item of session) {
      switch (item.kind) {
        case 'data':
          await sink.data(item);
          break;
        case 'snapshot':
          await sink.snapshot(item);
          break;
        case 'lost':
          await sink.lost(item);
          break;
        case 'event':
          await sink.event?.(item);
          break;
        case 'exit':
          exit = item;
          break;
        case 'ended':
          cut = errorOfEnding(item);
          break;
        case 'fin':
          break;
      }
    }
  } catch (error) {
    if (exit === undefined) return { kind: 'failed', error };
  }
  if (exit !== undefined) return { kind: 'exited', code: exit.code, signal: exit.signal };
  if (cut !== undefined) return { kind: 'cut', error: cut };
  const left = session.phase === 'closed' && (await session.closed).kind === 'detached';
  return { kind: left ? 'detached' : 'ended' };
}
