import { sleep } from '#common/time/clock.js';
import { uploadParameters } from './ends.js';
import { openStreams, watchProgress, type LoadOptions, type Moved } from './load.js';

const messageBytes = 16 * 1024;
// By then every window is full.
const rampMs = 300;

/** Bytes that arrive at the worker from sessions of one connection that send all they may; undefined when all stands still. */
export async function measureUpload(load: LoadOptions, sessions: number): Promise<Moved | undefined> {
  const opened = await openStreams(load, sessions, { parameters: uploadParameters });
  const received = opened.map(() => 0);
  const message = Buffer.alloc(messageBytes, 3);
  let running = true;
  for (const [index, { stream }] of opened.entries()) {
    stream.on('data', (count: Buffer) => {
      received[index] = count.readDoubleBE();
    });
    const pump = (): void => {
      while (running && stream.write(message));
    };
    stream.on('drain', pump);
    pump();
  }
  await sleep(load.clock, rampMs);
  const moved = await watchProgress(load, () => received.reduce((sum, count) => sum + count, 0));
  running = false;
  await Promise.all(opened.map((each) => each.close()));
  return moved;
}
