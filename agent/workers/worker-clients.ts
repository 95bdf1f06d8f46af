import { Client, credentials } from '@grpc/grpc-js';
import { GateServiceClient } from '#proto/gate/v1/gate.js';
import { SessionServiceClient } from '#proto/session/v1/session.js';
import { WorkerServiceClient } from '#proto/worker/v1/worker.js';

/** Clients of a worker's services. What users ask goes over a connection of its own: it never delays the gate. */
export interface WorkerClients {
  readonly worker: WorkerServiceClient;
  readonly gate: GateServiceClient;
  readonly session: SessionServiceClient;
}

/** Clients with what has to be closed. */
export interface OpenWorkerClients {
  readonly clients: WorkerClients;
  readonly close: () => void;
}

// No keepalive: gRPC servers in C and Python answer the fifth PING on a connection that is else silent with GOAWAY
// (too_many_pings), which ends every call on it.
const channelOptions = {
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_retries': 0,
  'grpc.max_receive_message_length': 16 * 1024 * 1024,
};

/** Clients for one socket; they connect when they are first used. */
export function openWorkerClients(socketPath: string): OpenWorkerClients {
  const insecure = credentials.createInsecure();
  const openChannel = (): Client => new Client(`unix:${socketPath}`, insecure, channelOptions);
  const control = openChannel();
  const users = openChannel();
  const over = (channel: Client): { channelOverride: ReturnType<Client['getChannel']> } => ({
    channelOverride: channel.getChannel(),
  });
  return {
    clients: {
      worker: new WorkerServiceClient('unix:', insecure, over(control)),
      gate: new GateServiceClient('unix:', insecure, over(control)),
      session: new SessionServiceClient('unix:', insecure, over(users)),
    },
    close: () => {
      control.close();
      users.close();
    },
  };
}
