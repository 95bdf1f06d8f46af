import { decodeFrames, encodeFrame } from '#common/framing.js';
import { FromPanel, ToPanel } from '#proto/panel/v1/panel.js';

/** A session at rest, as a program of the SDK writes it down. */
export interface ProgramState {
  /** What the handler said. */
  readonly checkpoint: Uint8Array;
  /** What it had written, and nobody had read yet. */
  readonly output: readonly Extract<FromPanel['kind'], { readonly $case: 'output' | 'event' | 'exit' }>[];
  /** Inputs that it had not begun with. */
  readonly inputs: readonly NonNullable<ToPanel['kind']>[];
}

const format = Buffer.from('panelet/panel/1');

/** Frames: the format, what the handler said, the number of outputs, these, then the inputs. */
export function encodeProgramState({ checkpoint, output, inputs }: ProgramState): Buffer {
  const parts: Uint8Array[] = [
    ...[format, checkpoint, Buffer.from(String(output.length))],
    ...output.map((kind) => FromPanel.encode({ kind }).finish()),
    ...inputs.map((kind) => ToPanel.encode({ kind }).finish()),
  ];
  return Buffer.concat(parts.map(encodeFrame));
}

/** @throws an Error for what is no such state */
export function decodeProgramState(bytes: Uint8Array): ProgramState {
  const [first, checkpoint, count, ...rest] = decodeFrames(bytes);
  if (first?.equals(format) !== true || checkpoint === undefined || count === undefined) {
    throw new Error('The state of the session has a format that this panel does not know.');
  }
  const outputs = Number(count.toString());
  return {
    checkpoint,
    output: rest.slice(0, outputs).map(outputOf),
    inputs: rest.slice(outputs).flatMap((frame) => ToPanel.decode(frame).kind ?? []),
  };
}

function outputOf(frame: Buffer): ProgramState['output'][number] {
  const { kind } = FromPanel.decode(frame);
  if (kind?.$case === 'output' || kind?.$case === 'event' || kind?.$case === 'exit') return kind;
  throw new Error('The state of the session holds what is no output.');
}
