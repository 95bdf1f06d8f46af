import { connect, createServer, type Socket } from 'node:net';
import type { Clock } from '#common/clock.js';
import { listenOn } from '#common/listen.js';
import { createDelayLine } from './delay-line.js';

/** What the delaying proxies are told: one is started for each target. */
export interface DelayTask {
  /** Of each direction, in milliseconds. */
  readonly delayMs: number;
  /** Addresses as gRPC writes them: `127.0.0.1:port` or `unix:path`. */
  readonly targets: readonly string[];
}

// More than any sender may have under way, so that only its windows bound it.
const maxBufferedBytes = 32 * 1024 * 1024;

/** Starts TCP proxies that delay; resolves with their ports on 127.0.0.1, in the order of the targets. */
export function startDelayProxies({ delayMs, targets }: DelayTask, clock: Clock): Promise<readonly number[]> {
  return Promise.all(
    targets.map((target) => {
      const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
        const far = connect({ ...connectOptions(target), allowHalfOpen: true, noDelay: true });
        forward(near, far, { delayMs, clock });
        forward(far, near, { delayMs, clock });
      });
      return listenOn(server, { host: '127.0.0.1', port: 0 });
    }),
  );
}

function connectOptions(target: string): { path: string } | { host: string; port: number } {
  if (target.startsWith('unix:')) return { path: target.slice('unix:'.length) };
  const [host = '', port] = target.split(':');
  return { host, port: Number(port) };
}

function forward(from: Socket, to: Socket, { delayMs, clock }: { delayMs: number; clock: Clock }): void {
  const balance = (): void => {
    if (line.sizeBytes + to.writableLength > maxBufferedBytes) from.pause();
    else from.resume();
  };
  const line = createDelayLine({
    clock,
    delayMs,
    deliver: (chunk) => void to.write(chunk, balance),
    deliverEnd: () => to.end(),
  });
  from.on('data', (chunk) => {
    line.push(chunk);
    balance();
  });
  from.on('end', () => line.end());
  from.on('error', () => to.destroy());
  // A clean end is still on its way; everything else ends the other side at once.
  from.on('close', (failed) => {
    if (failed) to.destroy();
  });
  to.on('close', () => {
    line.destroy();
    from.destroy();
  });
}
