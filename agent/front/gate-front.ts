import { status } from '@grpc/grpc-js';
import { createControllersIdentity } from '../access/controller-certificates.js';
import type { AgentConfig } from '../config/config.js';
import { openFront, type Front, type FrontAddress, type FrontDeps } from './front.js';
import { createRouter, type Router, type RouterDeps } from './calls/router.js';
import { plainStatus, refuse } from './stream/status.js';

/** What the port of controllers needs. */
export interface GateFrontDeps extends Omit<FrontDeps, 'limits' | 'route'>, RouterDeps {
  readonly tls: FrontAddress['tls'];
}

/** Controllers are few: one leads, others stand by, each with a connection or two. */
const connections = 64;
const streamsPerConnection = 64;

const served = ['/panelet.gate.v1.GateService/', '/grpc.health.v1.Health/'];
const unserved = plainStatus(
  status.UNIMPLEMENTED,
  'This port has the gate and health only. Everything else is at the port for clients.',
);

/**
 * Opens the port for controllers, so that a restart goes through however full the port for clients is. It has connections of its
 * own, takes none from a peer without a certificate, and serves the gate and health alone. In the clear, which only loopback
 * addresses may be, callers are who `identity` says. Undefined where none is configured.
 * @throws PaneletError PORT_TAKEN or CONFIG_INVALID, as openFront does.
 */
export async function openGateFront(config: AgentConfig, deps: GateFrontDeps): Promise<Front | undefined> {
  if (config.gate === undefined) return undefined;
  const { tls, identity, ...parts } = deps;
  const route = gateOnly(
    createRouter({ ...parts, identity: tls === undefined ? identity : createControllersIdentity() }),
  );
  const limits = { ...config.limits, maxConnections: connections, maxStreamsPerConnection: streamsPerConnection };
  const address = { ...config.gate.listen, tls, requireClientCertificate: tls !== undefined };
  return openFront(address, { ...parts, limits, route });
}

function gateOnly(route: Router): Router {
  return async (call) => {
    const path = call.headers[':path'] ?? '';
    if (served.some((prefix) => path.startsWith(prefix))) await route(call);
    else refuse(call.stream, unserved);
  };
}
