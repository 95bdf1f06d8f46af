import { unlink } from 'node:fs/promises';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { Log } from '#common/log.js';
import { HandoverServiceService } from '#proto/handover/v1/handover.js';
import { createHandoverService, type HandoverTaker } from './service.js';

/**
 * Serves handovers on a Unix socket, of which nobody else has the path. Where it cannot be made, as on a full disk, the worker serves without:
 * sessions come to it written down, as to one that is not there yet. Resolves with what ends that.
 */
export async function serveHandover(socketPath: string, taker: HandoverTaker, log: Log): Promise<() => void> {
  await unlink(socketPath).catch(() => undefined);
  const server = new Server();
  server.addService(HandoverServiceService, createHandoverService(taker, log));
  await new Promise<void>((resolve) => {
    server.bindAsync(`unix:${socketPath}`, ServerCredentials.createInsecure(), (err) => {
      if (err !== null) log.warn({ err }, 'No session can be handed to this worker, as its socket cannot be made');
      resolve();
    });
  });
  return () => server.forceShutdown();
}
