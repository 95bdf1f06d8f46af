import { createHash } from 'node:crypto';
import { Channel } from '#proto/session/v1/session.js';
import type { FakePanel } from './fake-worker.js';

/** Returns what it gets; ends its output when its input ends. Keeps a hash of what came in. */
export function createEchoFake(): FakePanel & { digest(): string; readonly sizeBytes: number } {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  return {
    run: () => undefined,
    full: (endpoint) => !endpoint.canWrite(),
    input: (item, endpoint) => {
      if (item.kind === 'data') {
        hash.update(item.payload);
        sizeBytes += item.payload.length;
        endpoint.writeData(Channel.STDOUT, item.payload);
      }
      if (item.kind === 'event') endpoint.writeEvent(item.event);
      if (item.kind === 'fin') endpoint.writeFin();
    },
    digest: () => hash.copy().digest('hex'),
    get sizeBytes() {
      return sizeBytes;
    },
  };
}

/** Takes nothing. */
export function createStuffedFake(): FakePanel {
  return { run: () => undefined, full: () => true, input: () => undefined };
}

/** Writes numbered lines of 64 bytes as fast as it may, up to `count` of its parameters, and then ends. */
export function createCounterFake(): FakePanel & { readonly written: number } {
  let written = 0;
  return {
    run: (endpoint, parameters) => {
      const count = Number(parameters['count']);
      while (written < count && endpoint.canWrite()) {
        endpoint.writeData(Channel.STDOUT, Buffer.from(`${String(written++).padStart(63)}\n`));
        if (written === count) endpoint.writeFin();
      }
    },
    input: () => undefined,
    get written() {
      return written;
    },
  };
}

/** Has one screen, which it shows to clients that hold no state. */
export function createScreenFake(): FakePanel {
  return {
    run: () => undefined,
    input: (item, endpoint) => {
      if (item.kind === 'data') endpoint.writeData(Channel.STDOUT, item.payload);
    },
    snapshot: () => ({ contentType: 'text/vnd.panelet.screen', bytes: Buffer.from('the screen') }),
  };
}
