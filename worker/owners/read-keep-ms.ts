import { PaneletError } from '#common/errors/errors.js';

const dayMs = 86_400_000;
// A century: what is longer is for ever, and easier to say.
const maxDays = 36_500;

/**
 * Reads the worker's parameter `homesKeepDays`.
 * @returns milliseconds; undefined, for ever, without it and for 0
 * @throws CONFIG_INVALID
 */
export function readKeepMs(text = '0'): number | undefined {
  const days = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(days <= maxDays)) {
    throw new PaneletError(
      'CONFIG_INVALID',
      `Parameter "homesKeepDays" of the terminal's worker: must be a whole number of days up to ${maxDays}, or 0 for ever.`,
    );
  }
  return days === 0 ? undefined : days * dayMs;
}
