import { z } from 'zod';
import { PaneletError } from '#common/errors.js';
import type { LogOptions } from './log-parameters.js';
import type { TrailState } from './log-trail.js';

/** A logs session at rest. */
export interface LogState {
  readonly options: LogOptions;
  readonly trail: TrailState;
  /** True once the session has ended its output. */
  readonly ended: boolean;
}

const schema = z.object({
  format: z.literal(1),
  options: z.object({
    path: z.string(),
    lines: z.number(),
    from: z.enum(['start', 'end']),
    follow: z.boolean(),
  }),
  trail: z.object({
    reports: z.array(z.object({ name: z.string(), content: z.record(z.string(), z.unknown()) })),
    missing: z.boolean(),
    files: z.array(
      z.object({
        dev: z.string(),
        ino: z.string(),
        offset: z.number().min(0),
        tail: z.base64().transform((text) => Buffer.from(text, 'base64')),
        name: z.string(),
        directory: z.string(),
        sizeBytes: z.number(),
        modifiedNs: z.string().transform(BigInt),
        announced: z.boolean(),
      }),
    ),
  }),
  ended: z.boolean(),
});

/** Bytes of a checkpoint. */
export function encodeLogState({ options, trail, ended }: LogState): Buffer {
  const files = trail.files.map((file) => ({
    ...file,
    tail: file.tail.toString('base64'),
    modifiedNs: file.modifiedNs.toString(),
  }));
  return Buffer.from(JSON.stringify({ format: 1, options, trail: { ...trail, files }, ended }));
}

/** @throws CHECKPOINT_UNREADABLE */
export function decodeLogState(bytes: Uint8Array): LogState {
  try {
    return schema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch (error) {
    throw new PaneletError('CHECKPOINT_UNREADABLE', 'The state of the logs session cannot be read.', { cause: error });
  }
}
