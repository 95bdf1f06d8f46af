import { Socket } from 'node:net';
import { createFrameReader, encodeFrame } from '#common/framing.js';
import { createLatch } from '#common/time/latch.js';
import { FromPanel, ToPanel } from '#proto/panel/v1/panel.js';
import type { PanelSpec } from './define-panel.js';
import { Program } from './program.js';

const fromWorker = 3;
const toWorker = 4;

/**
 * Runs one session over descriptors 3 and 4, as `panelet-worker --exec` starts it. Resolves when the session is over; the process should then
 * exit. Standard output and error go to the worker's log.
 * @throws an Error where nobody has opened the descriptors; what `close` of the handler throws
 */
export async function runPanel(spec: PanelSpec): Promise<void> {
  const input = new Socket({ fd: fromWorker, readable: true, writable: false });
  const output = new Socket({ fd: toWorker, readable: false, writable: true });
  const program = new Program(spec, (kind) => void output.write(encodeFrame(FromPanel.encode({ kind }).finish())));
  const reader = createFrameReader(() => Infinity);
  const closed = createLatch();
  output.once('close', () => closed.resolve());
  const gone = (): void => program.close();
  for (const socket of [input, output]) socket.on('error', gone).on('close', gone);
  input.on('end', gone);
  input.on('data', (bytes) => reader.push(bytes, (content) => program.receive(ToPanel.decode(content))));
  output.write(encodeFrame(FromPanel.encode({ kind: { $case: 'started', value: {} } }).finish()));
  try {
    await program.over.promise;
  } finally {
    input.destroy();
    output.end();
    await closed.promise;
  }
}
