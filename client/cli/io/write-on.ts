import type { Writable } from 'node:stream';

/** Writes, and resolves when the stream takes more. A reader that goes away, or has gone, ends the wait, too. */
export async function writeOn(out: Writable, bytes: Uint8Array): Promise<void> {
  // One that is closed tells of nothing any more.
  if (!out.writable || out.write(bytes)) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      out.off('drain', done);
      out.off('close', done);
      resolve();
    };
    out.on('drain', done);
    out.on('close', done);
  });
}
