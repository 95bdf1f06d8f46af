import { unlink } from 'node:fs/promises';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { PaneletError } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';
import { HandoverServiceService } from '#proto/handover/v1/handover.js';
import { createHandoverService, type HandoverTaker } from './service.js';

/** Serves handovers on a Unix socket, of which nobody else has the path. Resolves with what ends that. */
export async function serveHandover(socketPath: string, taker: HandoverTaker, log: Log): Promise<() => void> {
  await unlink(socketPath).catch(() => undefined);
  const server = new Server();
  server.addService(HandoverServiceService, createHandoverService(taker, log));
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${socketPath}`, ServerCredentials.createInsecure(), (error) => {
      if (error === null) resolve();
      else reject(new PaneletError('STATE_DIR_UNUSABLE', `Cannot serve beside the locks: ${error.message}`));
    });
  });
  return () => server.forceShutdown();
}
