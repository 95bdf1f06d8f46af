import { z } from 'zod';
import { PaneletError } from '#common/errors/errors.js';
import { booleanText, integerText } from '../../panel/parameters.js';
import type { RunningSha256State } from './running-sha256.js';

/** What an echo session does. */
export interface EchoOptions {
  /** echo: returns its input. sink: only hashes it. source: makes seeded bytes as fast as the output takes them. */
  readonly mode: 'echo' | 'sink' | 'source';
  /** Bytes that a source makes; 0 for no end. */
  readonly totalBytes: number;
  /** Seed of a source. */
  readonly seed: number;
  /** Bytes a source writes at a time. */
  readonly chunkBytes: number;
  /** Pause after each input, in milliseconds: a consumer that is slow. */
  readonly pauseMs: number;
  /** Ends the session at its client's fin. */
  readonly endOnFin: boolean;
}

/** Parameters of a Hello for an echo session. */
export const echoParameters: z.ZodType<EchoOptions> = z.strictObject({
  mode: z.enum(['echo', 'sink', 'source']).default('echo'),
  totalBytes: integerText(0, Number.MAX_SAFE_INTEGER).default(0),
  seed: integerText(0, 0xffffffff).default(1),
  chunkBytes: integerText(1, 1 << 20).default(16 * 1024),
  pauseMs: integerText(0, 3_600_000).default(0),
  endOnFin: booleanText.default(true),
});

const stateSchema = z.object({
  format: z.literal(1),
  options: z.object({
    mode: z.enum(['echo', 'sink', 'source']),
    totalBytes: z.number(),
    seed: z.number(),
    chunkBytes: z.number().min(1),
    pauseMs: z.number(),
    endOnFin: z.boolean(),
  }),
  hash: z.object({ words: z.array(z.number()), rest: z.string(), sizeBytes: z.number() }),
  ended: z.boolean(),
});

/** An echo session at rest. */
export interface EchoState {
  readonly format: 1;
  readonly options: EchoOptions;
  /** Of all input; of a source, of all output. */
  readonly hash: RunningSha256State;
  /** True once the session has ended its output. */
  readonly ended: boolean;
}

/** Bytes of a checkpoint. */
export function encodeEchoState(state: EchoState): Buffer {
  return Buffer.from(JSON.stringify(state));
}

/** @throws CHECKPOINT_UNREADABLE */
export function decodeEchoState(bytes: Uint8Array): EchoState {
  try {
    return stateSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch (error) {
    throw new PaneletError('CHECKPOINT_UNREADABLE', 'The state of the echo session cannot be read.', { cause: error });
  }
}
