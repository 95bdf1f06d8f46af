import { readFileSync } from 'node:fs';

import type { Clock } from '#common/time/clock.js';
import { PaneletError, messageOf } from '#common/errors/errors.js';

/** A file is read again after this long, so that a token that was replaced is taken up. */
const rereadMs = 10_000;

/**
 * Gives the token in a file.
 * @throws PaneletError CONFIG_INVALID at once when the file cannot be read or is empty; later the last token goes on.
 */
export function createTokenFile(file: string, clock: Clock): () => string {
  const read = (): string => {
    let text: string;
    try {
      text = readFileSync(file, 'utf8').trim();
    } catch (error) {
      const why = messageOf(error);
      throw new PaneletError('CONFIG_INVALID', `Cannot read the token file ${file}: ${why}`, { cause: error });
    }
    if (text !== '') return text;
    throw new PaneletError('CONFIG_INVALID', `The token file ${file} is empty; put the gate token into it.`);
  };
  let token = read();
  let readMs = clock.nowMs();
  return () => {
    if (clock.nowMs() - readMs < rereadMs) return token;
    readMs = clock.nowMs();
    try {
      token = read();
    } catch {
      // A file that is being replaced is there again in a moment.
    }
    return token;
  };
}
