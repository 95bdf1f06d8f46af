import { PaneletError } from '#common/errors/errors.js';
import type { Event } from '#proto/session/v1/session.js';
import { Channel, Frame } from '#proto/session/v1/session.js';
import type { SessionLimits } from './limits.js';

/** A frame that has a place in its direction's sequence. */
export type NumberedFrame = Frame & {
  kind: Extract<NonNullable<Frame['kind']>, { $case: 'data' | 'event' | 'fin' }>;
};

/** Upper bound of a Frames message's ack and credit, in bytes. */
export const envelopeBytes = 22;

// Names of panel events and signals are labels, not content.
const maxNameChars = 256;

/** Largest number of bytes that a data frame adds around its payload inside a message. */
export const dataOverheadBytes = 32;

/** True for data, event and fin. */
export function isNumbered(frame: Frame): frame is NumberedFrame {
  const kind = frame.kind?.$case;
  return kind === 'data' || kind === 'event' || kind === 'fin';
}

/** Data bytes of a frame; 0 for everything but data. */
export function dataBytesOf(frame: Frame): number {
  return frame.kind?.$case === 'data' ? frame.kind.value.payload.length : 0;
}

/** Bytes of a frame inside a Frames message, tag and length included. Data is computed, the rare others are encoded. */
export function frameBytes(frame: Frame): number {
  const body = frame.kind?.$case === 'data' ? dataFrameBodyBytes(frame) : Frame.encode(frame).finish().length;
  return 1 + varintBytes(body) + body;
}

function dataFrameBodyBytes(frame: Frame): number {
  const payload = dataBytesOf(frame);
  // Channel: tag and one byte. Payload: tag, length, bytes. Seq: tag and varint.
  const data = 2 + (payload === 0 ? 0 : 1 + varintBytes(payload) + payload);
  return 1 + varintBytes(frame.seq) + 1 + varintBytes(data) + data;
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes += 1;
  return bytes;
}

/**
 * Checks what a numbered frame carries.
 * @throws FRAME_INVALID, LIMIT_EXCEEDED
 */
export function checkNumbered(frame: NumberedFrame, limits: SessionLimits): void {
  switch (frame.kind.$case) {
    case 'data': {
      checkData(frame.kind.value.channel, frame.kind.value.payload.length, limits);
      return;
    }
    case 'event': {
      checkEvent(frame.kind.value, limits);
      return;
    }
    case 'fin':
      return;
  }
}

function checkData(channel: Channel, payloadBytes: number, limits: SessionLimits): void {
  if (payloadBytes > limits.maxDataBytes) {
    throw new PaneletError(
      'LIMIT_EXCEEDED',
      `A data frame of ${payloadBytes} bytes is larger than the limit of ${limits.maxDataBytes}. Split it.`,
    );
  }
  if (payloadBytes === 0) throw new PaneletError('FRAME_INVALID', 'A data frame is empty. Send none instead.');
  if (channel < Channel.STDIN || channel > Channel.CONTROL) {
    throw new PaneletError('FRAME_INVALID', `Channel ${channel} does not exist. Use stdin, stdout, stderr or control.`);
  }
}

/**
 * Checks an event's kind and size.
 * @throws FRAME_INVALID, LIMIT_EXCEEDED
 */
export function checkEvent(event: Event, limits: SessionLimits): void {
  const kind = event.kind;
  if (kind === undefined) {
    throw new PaneletError('FRAME_INVALID', 'An event is of a kind that was not negotiated.');
  }
  const contentBytes = kind.$case === 'panel' ? kind.value.payload.length : 0;
  if (contentBytes > limits.maxEventBytes || nameOf(kind).length > maxNameChars) {
    throw new PaneletError(
      'LIMIT_EXCEEDED',
      `An event carries ${contentBytes} bytes; the limit is ${limits.maxEventBytes}, and ${maxNameChars} characters for its name.`,
    );
  }
}

function nameOf(kind: NonNullable<Event['kind']>): string {
  switch (kind.$case) {
    case 'resize':
      return '';
    case 'signal':
      return kind.value.name;
    case 'exitStatus':
      return kind.value.signal;
    case 'panel':
      return kind.value.name;
  }
}
