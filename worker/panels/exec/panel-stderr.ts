import type { Log } from '#common/log.js';
import type { Clock } from '#common/time/clock.js';
import { createTokenBucket } from '#common/time/token-bucket.js';

/** What the program of a panel writes for its operators, in lines. */
export interface PanelStderr {
  push(bytes: Uint8Array): void;
  /** What is left without an end of line. */
  end(): void;
}

const longestLine = 1024;
const burstLines = 100;
const linesPerSecond = 10;
const newline = 0x0a;

/**
 * Writes lines to the log: at most 1 KiB of each, 100 at once and 10 a second. How many were passed over stands in the next one that is not.
 */
export function createPanelStderr({ log, clock }: { readonly log: Log; readonly clock: Clock }): PanelStderr {
  const bucket = createTokenBucket({ clock, burst: burstLines, perSecond: linesPerSecond });
  const line = Buffer.alloc(longestLine);
  let size = 0;
  let dropped = 0;
  const flush = (): void => {
    if (bucket.take()) {
      log.info(
        { line: line.toString('utf8', 0, size), ...(dropped > 0 && { droppedLines: dropped }) },
        'Panel program says',
      );
      dropped = 0;
    } else {
      dropped += 1;
    }
    size = 0;
  };
  const add = (part: Uint8Array): void => {
    const fits = part.subarray(0, longestLine - size);
    line.set(fits, size);
    size += fits.length;
  };
  return {
    push: (bytes) => {
      let from = 0;
      for (let at = bytes.indexOf(newline); at >= 0; at = bytes.indexOf(newline, from)) {
        add(bytes.subarray(from, at));
        flush();
        from = at + 1;
      }
      add(bytes.subarray(from));
    },
    end: () => {
      if (size > 0) flush();
    },
  };
}
