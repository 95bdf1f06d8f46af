import type { CliWorld } from './cli-world.js';
import { writeOn } from './write-on.js';

/** How it is shown from which file lines are: not at all, by a header as `tail` does, or before each line as `kubectl` does. */
export type LabelStyle = 'none' | 'headers' | 'prefix';

/** Where the lines of one file go. */
export interface LabelledSource {
  /** Resolves when more may come. */
  write(bytes: Uint8Array): Promise<void>;
  /** Writes a last line that has no end. */
  end(): Promise<void>;
}

const newline = 0x0a;
// A line that is longer is cut, rather than kept in memory.
const maxHeldBytes = 1024 * 1024;

/**
 * Standard output for the lines of several files. With labels only whole lines are written, so that none is torn by
 * another file's.
 */
export function createLabelledOutput(stdout: CliWorld['stdout'], style: LabelStyle): (label: string) => LabelledSource {
  let shown: string | undefined;
  const put = async (bytes: Buffer): Promise<void> => {
    if (bytes.length > 0 && !stdout.destroyed) await writeOn(stdout, bytes);
  };
  const withLabel = (label: string, bytes: Buffer): Buffer => {
    if (style === 'prefix') return prefixed(`[${label}] `, bytes);
    const header = label === shown ? '' : `${shown === undefined ? '' : '\n'}==> ${label} <==\n`;
    shown = label;
    return Buffer.concat([Buffer.from(header), bytes]);
  };
  return (label) => {
    let held = Buffer.alloc(0);
    const write = async (bytes: Uint8Array): Promise<void> => {
      if (style === 'none') return put(Buffer.from(bytes));
      const all = Buffer.concat([held, bytes]);
      const end = all.length > maxHeldBytes ? all.length : all.lastIndexOf(newline) + 1;
      held = all.subarray(end);
      if (end > 0) await put(withLabel(label, all.subarray(0, end)));
    };
    return {
      write,
      end: async () => {
        if (held.length > 0) await write(Buffer.from('\n'));
      },
    };
  };
}

function prefixed(prefix: string, bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(newline, at);
    const next = end < 0 ? bytes.length : end + 1;
    parts.push(Buffer.from(prefix), bytes.subarray(at, next));
    at = next;
  }
  return Buffer.concat(parts);
}
