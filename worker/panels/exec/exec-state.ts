import { PaneletError } from '#common/errors/errors.js';
import { ToPanel } from '#proto/panel/v1/panel.js';
import type { Conversation, ToRead } from './conversation.js';
import { decodeFrames, encodeFrame } from '#common/framing.js';

/** A session at rest, of a program that speaks panelet.panel.v1. */
export type ExecState =
  | {
      readonly kind: 'alive';
      /** What the program said of itself. */
      readonly checkpoint: Uint8Array;
      /** Input that it has not read. */
      readonly pending: readonly ToRead[];
    }
  /** The program has ended, and all it said is with the session. */
  | { readonly kind: 'ended' };

const format = Buffer.from('panelet.panel.v1/1');

/** The state of a conversation at rest. */
export function execStateOf({ phase, checkpoint, pending }: Conversation): ExecState {
  if (phase === 'ended') return { kind: 'ended' };
  if (phase === 'frozen') return { kind: 'alive', checkpoint, pending };
  throw new PaneletError('CHECKPOINT_FAILED', `The program of the panel is not at rest: ${phase}.`);
}

/** Frames: the format, then what the program said, then each input it has not read. */
export function encodeExecState(state: ExecState): Buffer {
  const parts: Uint8Array[] = [format];
  if (state.kind === 'alive') {
    parts.push(state.checkpoint, ...state.pending.map((kind) => ToPanel.encode({ kind }).finish()));
  }
  return Buffer.concat(parts.map(encodeFrame));
}

/** @throws CHECKPOINT_UNREADABLE */
export function decodeExecState(bytes: Uint8Array): ExecState {
  try {
    const [first, checkpoint, ...rest] = decodeFrames(bytes);
    if (first?.equals(format) !== true) throw new Error('It has another format.');
    if (checkpoint === undefined) return { kind: 'ended' };
    return { kind: 'alive', checkpoint, pending: rest.map(toRead) };
  } catch (error) {
    throw new PaneletError('CHECKPOINT_UNREADABLE', 'The state of the session cannot be read.', { cause: error });
  }
}

function toRead(bytes: Buffer): ToRead {
  const { kind } = ToPanel.decode(bytes);
  switch (kind?.$case) {
    case 'input':
    case 'event':
    case 'resize':
    case 'signal':
    case 'endOfInput':
      return kind;
    default:
      throw new Error(`A "${kind?.$case ?? 'nothing'}" is no input.`);
  }
}
