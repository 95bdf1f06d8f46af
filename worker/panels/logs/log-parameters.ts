import { z } from 'zod';
import { booleanText, integerText } from '../parameters.js';

/** What a session of the panel logs follows. */
export interface LogOptions {
  /** Absolute path, as the user wrote it. */
  readonly path: string;
  /** Begin with the last lines, … */
  readonly lines: number;
  /** … or at the start of the file. */
  readonly from: 'start' | 'end';
  /** Go on with what is appended; otherwise the session ends at the end of the file. */
  readonly follow: boolean;
}

/** Parameters of a Hello for a logs session. */
export const logParameters: z.ZodType<LogOptions> = z
  .strictObject({
    path: z.string({ error: 'is needed: the absolute path of a file' }).min(1),
    lines: integerText(0, 1_000_000).optional(),
    from: z.enum(['start', 'end']).default('end'),
    follow: booleanText.default(true),
  })
  .refine((options) => options.from === 'end' || options.lines === undefined, {
    message: 'give either "lines" or "from=start"',
  })
  .transform((options) => ({ ...options, lines: options.lines ?? 10 }));
