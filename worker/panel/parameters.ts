import { z } from 'zod';
import { PaneletError } from '#common/errors/errors.js';

/** A whole number in text, within limits. */
export function integerText(min: number, max: number): z.ZodType<number> {
  return z
    .string()
    .regex(/^\d{1,15}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(min).max(max));
}

/** "true" or "false". */
export const booleanText = z.enum(['true', 'false']).transform((text) => text === 'true');

/**
 * Checks the parameters of a Hello; unknown ones are refused, so that a misspelt one is noticed.
 * @throws PANEL_FAILED naming each wrong parameter and what it must be.
 */
export function readParameters<T>(
  panel: string,
  schema: z.ZodType<T>,
  parameters: Readonly<Record<string, string>>,
): T {
  const parsed = schema.safeParse(parameters);
  if (parsed.success) return parsed.data;
  const reasons = parsed.error.issues.map((issue) =>
    issue.path.length > 0 ? `"${issue.path.join('.')}": ${issue.message}` : issue.message,
  );
  throw new PaneletError('PANEL_FAILED', `Wrong parameters for panel ${panel}: ${reasons.join('; ')}.`);
}
