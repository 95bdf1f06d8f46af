import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import type { Random } from '#common/random.js';

/** A TCP proxy that breaks connections. */
export interface CuttingProxy {
  readonly address: string;
  /** Connections it has broken. */
  readonly cuts: number;
  /** Connections that are open. */
  readonly connections: number;
  /** Breaks every connection now. */
  cut(): void;
  /** Refuses connections (they are closed at once) until false. */
  refusing: boolean;
  /** Keeps connections open and moves nothing, as a half-open connection does. */
  frozen: boolean;
  /** From now on breaks nothing by itself. */
  calm(): void;
  close(): Promise<void>;
}

/** Where a proxy leads, and how it breaks connections by itself. */
export interface CuttingOptions {
  readonly random?: Random;
  /** With `random`: a connection breaks after this many bytes, both ways together, chosen anew for each. @default never */
  readonly cutAfterBytes?: readonly [minimum: number, maximum: number];
  /** Where it connects to. @default 127.0.0.1 */
  readonly targetHost?: string;
}

/** Starts a proxy on a free port of 127.0.0.1. */
export async function startCuttingProxy(targetPort: () => number, options: CuttingOptions = {}): Promise<CuttingProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  const { random, cutAfterBytes, targetHost = '127.0.0.1' } = options;
  const [minimum, maximum] = cutAfterBytes ?? [0, 0];
  let calm = random === undefined || cutAfterBytes === undefined;
  let cuts = 0;
  const destroy = (pair: readonly [Socket, Socket]): void => {
    if (!pairs.delete(pair)) return;
    for (const socket of pair) socket.destroy();
  };
  const server = createServer({ noDelay: true }, (near) => {
    if (proxy.refusing) {
      near.destroy();
      return;
    }
    const far = connect({ port: targetPort(), host: targetHost, noDelay: true });
    const pair = [near, far] as const;
    pairs.add(pair);
    let left = minimum + (random?.number() ?? 0) * (maximum - minimum);
    const forward = (from: Socket, to: Socket): void => {
      from.on('data', (chunk) => {
        if (proxy.frozen) return;
        left -= chunk.length;
        if (left > 0 || calm) {
          if (!to.write(chunk)) from.pause();
          return;
        }
        cuts++;
        // The last piece arrives in part: frames are cut in the middle.
        to.write(chunk.subarray(0, Math.max(0, chunk.length + left)), () => destroy(pair));
        setImmediate(() => destroy(pair));
      });
      to.on('drain', () => from.resume());
      from.on('error', () => destroy(pair));
      // What was said before the end still arrives.
      from.on('close', () => {
        if (to.destroyed) pairs.delete(pair);
        else to.destroySoon();
      });
    };
    forward(near, far);
    forward(far, near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: CuttingProxy = {
    refusing: false,
    frozen: false,
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    get cuts() {
      return cuts;
    },
    get connections() {
      return pairs.size;
    },
    cut: () => {
      cuts += pairs.size;
      for (const pair of pairs) destroy(pair);
    },
    calm: () => {
      calm = true;
    },
    close: () => {
      for (const pair of pairs) destroy(pair);
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  return proxy;
}
