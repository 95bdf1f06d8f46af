import { join } from 'node:path';
import { PaneletError } from '#common/errors/errors.js';

/** Where the API server is, and which files prove to it who the agent is. */
export interface ClusterAccess {
  readonly host: string;
  readonly port: number;
  /** The token of the pod's ServiceAccount; the kubelet replaces it before it expires. */
  readonly tokenFile: string;
  /** Certificates that vouch for the API server, PEM. */
  readonly caFile: string;
}

const serviceAccountDir = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * What the environment of a pod says about the API server; undefined outside of a cluster.
 * @throws PaneletError CONFIG_INVALID when the port is not a number.
 */
export function readClusterAccess(env: NodeJS.ProcessEnv, directory = serviceAccountDir): ClusterAccess | undefined {
  const host = env['KUBERNETES_SERVICE_HOST'] ?? '';
  if (host === '') return undefined;
  const text = env['KUBERNETES_SERVICE_PORT'] ?? '443';
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new PaneletError('CONFIG_INVALID', `KUBERNETES_SERVICE_PORT is "${text}"; it must be a port.`);
  }
  return { host, port, tokenFile: join(directory, 'token'), caFile: join(directory, 'ca.crt') };
}
