import { connect, createServer, type Socket } from 'node:net';
import type { Clock } from '#common/time/clock.js';
import { listenOn } from '#common/http/listen.js';
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

/** Delaying proxies that listen. */
export interface DelayProxies {
  /** On 127.0.0.1, in the order of the targets. */
  readonly ports: readonly number[];
  /** Listens no longer; connections go on. */
  close(): void;
}

/** Starts TCP proxies that delay. */
export async function startDelayProxies({ delayMs, targets }: DelayTask, clock: Clock): Promise<DelayProxies> {
  const servers = targets.map((target) =>
    createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
      const far = connect({ ...connectOptions(target), allowHalfOpen: true, noDelay: true });
      forward(near, far, { delayMs, clock });
      forward(far, near, { delayMs, clock });
    }),
  );
  const ports = await Promise.all(servers.map((server) => listenOn(server, { host: '127.0.0.1', port: 0 })));
  return {
    ports,
    close: () => {
      for (const server of servers) server.close();
    },
  };
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
  from.on('error', () => undefined);
  to.on('close', () => {
    // A clean end of both ways: what comes the other way may still be on its way.
    if (to.readableEnded && to.writableFinished) return;
    line.destroy();
    from.destroy();
  });
}
