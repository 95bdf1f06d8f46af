import { PaneletError } from '#common/errors/errors.js';
import { Frame } from '#proto/session/v1/session.js';
import type { EndpointState, InputItem } from './endpoint.js';
import { dataBytesOf, isNumbered, type NumberedFrame } from '../codec/frame-codec.js';
import { inputOf } from './receive-window.js';

/** The frames of a state, decoded. */
export interface HeldFrames {
  readonly unacked: readonly NumberedFrame[];
  readonly unackedDataBytes: number;
  readonly unread: readonly InputItem[];
}

/**
 * Decodes and checks a state, so that a broken checkpoint is found before a session continues from it.
 * @throws CHECKPOINT_UNREADABLE
 */
export function checkEndpointState(state: EndpointState): HeldFrames {
  const { nextRx, txBase, txNext } = state.cursors;
  const unacked = state.unacked.map(decodeNumbered);
  const unread = state.unread.map(decodeNumbered);
  const unackedDataBytes = sumDataBytes(unacked);
  const unreadDataBytes = sumDataBytes(unread);
  demand(
    [nextRx, txBase, txNext].every((cursor) => Number.isSafeInteger(cursor) && cursor >= 1),
    'a cursor is not a number',
  );
  demand(txNext - txBase === unacked.length, 'unacknowledged frames are missing');
  demand(
    unacked.every((frame, position) => frame.seq === txBase + position),
    'unacknowledged frames are out of order',
  );
  demand(
    unread.every((frame, position) => frame.seq > (unread[position - 1]?.seq ?? 0) && frame.seq < nextRx),
    'unread frames are out of order',
  );
  demand(state.sentDataBytes >= unackedDataBytes, 'bytes sent do not add up');
  demand(state.receivedDataBytes - state.consumedDataBytes === unreadDataBytes, 'bytes received do not add up');
  demand(
    [state.consumedDataBytes, state.creditReceived, state.creditGiven].every(
      (count) => Number.isSafeInteger(count) && count >= 0,
    ),
    'a count is not a number',
  );
  return { unacked, unackedDataBytes, unread: unread.map(inputOf) };
}

function decodeNumbered(bytes: Uint8Array): NumberedFrame {
  let frame: Frame;
  try {
    frame = Frame.decode(bytes);
  } catch (cause) {
    throw new PaneletError('CHECKPOINT_UNREADABLE', 'A frame of the checkpoint cannot be decoded.', { cause });
  }
  demand(isNumbered(frame), 'a frame has no number');
  return frame as NumberedFrame;
}

function sumDataBytes(frames: readonly NumberedFrame[]): number {
  return frames.reduce((sum, frame) => sum + dataBytesOf(frame), 0);
}

function demand(holds: boolean, what: string): void {
  if (!holds) throw new PaneletError('CHECKPOINT_UNREADABLE', `The checkpoint contradicts itself: ${what}.`);
}
