import { z } from 'zod';
import { readSince } from './line-time.js';
import { booleanText, integerText } from '../../panel/parameters.js';

/** What a session of the panel logs follows. */
export interface LogsPanelOptions {
  /** Absolute path, as the user wrote it. */
  readonly path: string;
  /** Begin with the last lines; undefined for all of those since `since`, … */
  readonly lines: number | undefined;
  /** … or at the start of the file. */
  readonly from: 'start' | 'end';
  /** Begin with the lines since then, at most the last `lines`; "90s", "5m", "1h", "2d", or a time of RFC 3339. */
  readonly since?: string | undefined;
  /** Go on with what is appended; otherwise the session ends at the end of the file. */
  readonly follow: boolean;
}

/** Parameters of a Hello for a logs session. */
export const logParameters: z.ZodType<LogsPanelOptions> = z
  .strictObject({
    path: z.string({ error: 'is needed: the absolute path of a file' }).min(1),
    lines: integerText(0, 1_000_000).optional(),
    since: z
      .string()
      .refine((text) => readSince(text, new Date(0)) !== undefined, {
        message: 'must be a duration as 90s, 5m, 1h or 2d, or a time as 2026-01-31T10:00:00Z',
      })
      .optional(),
    from: z.enum(['start', 'end']).default('end'),
    follow: booleanText.default(true),
  })
  .refine((options) => options.from === 'end' || options.lines === undefined, {
    message: 'give either "lines" or "from=start"',
  })
  .refine((options) => options.from === 'end' || options.since === undefined, {
    message: 'give either "since" or "from=start"',
  })
  .transform((options) => ({ ...options, lines: options.lines ?? (options.since === undefined ? 10 : undefined) }));
