import { z } from 'zod';
import { PaneletError } from '#common/errors/errors.js';
import type { LogsPanelOptions } from './log-parameters.js';
import type { TrailState } from './trail-state.js';

/** A logs session at rest. */
export interface LogState {
  readonly options: LogsPanelOptions;
  readonly trail: TrailState;
  /** True once the session has ended its output. */
  readonly ended: boolean;
}

const report = z.object({
  name: z.enum(['appeared', 'gap', 'late', 'missing', 'rotated', 'truncated', 'unsure']),
  content: z.record(z.string(), z.unknown()),
});
const nanoseconds = z.string().transform(BigInt);
// Fields with a default are not in states of earlier versions.
const file = z
  .object({
    dev: z.string(),
    ino: z.string(),
    bornNs: nanoseconds.default(0n),
    offset: z.number().min(0),
    tail: z.base64().transform((text) => Buffer.from(text, 'base64')),
    pieces: z.array(z.object({ offset: z.number(), sizeBytes: z.number(), digest: z.string() })).default([]),
    name: z.string(),
    directory: z.string(),
    sizeBytes: z.number(),
    modifiedNs: nanoseconds,
    unreadStamp: z.string().optional(),
    announced: z.boolean(),
    toTell: z.array(report).optional(),
  })
  .transform(({ announced, toTell, ...rest }) => ({
    ...rest,
    toTell: toTell ?? (announced ? [] : [{ name: 'rotated' as const, content: { file: rest.name, inode: rest.ino } }]),
  }));
const known = z.object({
  real: z.string(),
  directory: z.object({ ino: z.string(), bornNs: nanoseconds }),
  files: z.array(z.object({ ino: z.string(), bornNs: nanoseconds, modifiedNs: nanoseconds, sizeBytes: z.number() })),
  beforeNs: nanoseconds,
});
const schema = z.object({
  format: z.literal(1),
  options: z.object({
    path: z.string(),
    lines: z.number(),
    from: z.enum(['start', 'end']),
    follow: z.boolean(),
  }),
  trail: z.object({
    reports: z.array(report),
    lastReports: z.array(report).default([]),
    missing: z.boolean(),
    files: z.array(file),
    known: known.optional(),
  }),
  ended: z.boolean(),
});

/** Bytes of a checkpoint. The version before reads them, too: it finds every field that it knows. */
export function encodeLogState({ options, trail, ended }: LogState): Buffer {
  const files = trail.files.map((state) => ({
    ...state,
    tail: state.tail.toString('base64'),
    announced: state.toTell.length === 0,
  }));
  // Where it began is of no use any more, but the version before wants a number.
  const begun = { ...options, lines: options.lines ?? 0 };
  const state = { format: 1, options: begun, trail: { ...trail, files }, ended };
  const text = JSON.stringify(state, (_key, value: unknown) => (typeof value === 'bigint' ? value.toString() : value));
  return Buffer.from(text);
}

/** @throws CHECKPOINT_UNREADABLE */
export function decodeLogState(bytes: Uint8Array): LogState {
  try {
    const { trail, ...state } = schema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
    return { ...state, trail: { ...trail, known: trail.known } };
  } catch (error) {
    throw new PaneletError('CHECKPOINT_UNREADABLE', 'The state of the logs session cannot be read.', { cause: error });
  }
}
