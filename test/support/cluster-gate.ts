import type { Clock } from '#common/time/clock.js';
import { createGateClient, type ControllerGateClient } from '#controller/gate/gate-client.js';
import { createPlainCredentials } from '#controller/gate/gate-credentials.js';
import type { TestCluster } from './test-cluster.js';

/** Where the gate of the first node is. */
export function gateAddress(test: TestCluster): { readonly host: string; readonly port: number } {
  const [host = '', port = '0'] = test.cluster.nodes[0]!.agentAddress.split(':');
  return { host, port: Number(port) };
}

/** A client for gates, of somebody who may drain and does not lead. */
export function openAdminGate(test: TestCluster, clock: Clock): ControllerGateClient {
  return createGateClient({
    clock,
    credentials: createPlainCredentials(),
    token: () => test.cluster.token('admin'),
  });
}
