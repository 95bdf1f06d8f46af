import { rm } from 'node:fs/promises';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { explainRefusals } from '#common/grpc/explain-refusals.js';
import { AgentServiceService, type AgentServiceServer } from '#proto/agent/v1/agent.js';
import { GateServiceService, type GateServiceServer } from '#proto/gate/v1/gate.js';
import { SessionServiceService, type SessionServiceServer } from '#proto/session/v1/session.js';

/** The agent's own services on a private socket. */
export interface Services {
  /** Ends every call at once, and removes the socket. */
  close(): Promise<void>;
}

/** What they need. */
export interface ServicesDeps {
  readonly socketPath: string;
  readonly session: SessionServiceServer;
  readonly gate: GateServiceServer;
  readonly agent: AgentServiceServer;
}

/** Opens the services. */
export async function openServices(deps: ServicesDeps): Promise<Services> {
  await rm(deps.socketPath, { force: true });
  const server = new Server({ 'grpc.max_receive_message_length': 1024 * 1024, interceptors: [explainRefusals] });
  server.addService(SessionServiceService, deps.session);
  server.addService(GateServiceService, deps.gate);
  server.addService(AgentServiceService, deps.agent);
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${deps.socketPath}`, ServerCredentials.createInsecure(), (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
  return {
    close: async () => {
      server.forceShutdown();
      await rm(deps.socketPath, { force: true });
    },
  };
}
