import { PaneletError } from '#common/errors/errors.js';
import {
  ResumeOutcome,
  type Detach,
  type Drain,
  type Frame,
  type Frames,
  type Move,
  type Reset,
  type Welcome,
} from '#proto/session/v1/session.js';
import { createSnapshotAssembly } from './snapshot-assembly.js';

/** What a client has seen on one attachment. */
export class ClientAttachment {
  readonly nonce: string;
  /** True when its Hello was sent beside an attachment that went on. */
  readonly moves: boolean;
  readonly pictures = createSnapshotAssembly();
  welcome: Welcome | undefined;
  drain: Drain | undefined;
  move: Move | undefined;
  detach: Detach | undefined;

  /** An attachment whose Hello is on its way. */
  constructor(nonce: string, moves: boolean) {
    this.nonce = nonce;
    this.moves = moves;
  }

  /**
   * Takes a message apart: the first one holds the Welcome.
   * @throws FRAME_INVALID
   */
  split(message: Frames): SplitMessage {
    if (this.welcome !== undefined) return { welcome: undefined, resets: [], rest: message };
    const [first, ...others] = message.frames;
    if (first?.kind?.$case !== 'welcome') {
      throw new PaneletError('FRAME_INVALID', 'The first frame of a worker has to be a Welcome.');
    }
    const welcome = first.kind.value;
    // After a Welcome that continues, Resets are about this life, and are taken as they come.
    if (welcome.outcome === ResumeOutcome.EXACT) return { welcome, resets: [], rest: { ...message, frames: others } };
    const resets: Reset[] = [];
    const rest: Frame[] = [];
    for (const frame of others) {
      if (frame.kind?.$case === 'reset') resets.push(frame.kind.value);
      else rest.push(frame);
    }
    return { welcome, resets, rest: { ...message, frames: rest } };
  }
}

/** A message of a worker. */
export interface SplitMessage {
  readonly welcome: Welcome | undefined;
  /** The Resets that came with the Welcome and belong to an earlier life. */
  readonly resets: readonly Reset[];
  readonly rest: Frames;
}
