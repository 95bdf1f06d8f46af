import { PaneletError } from '#common/errors/errors.js';
import type { ListenAddress } from '#common/http/listen.js';
import { parseOptions } from '#common/process/parse-options.js';

import { parseListenAddress } from './listen-address.js';
import type { TransportOptions } from './transport.js';

/** What `--help` prints. */
export const usage = `panelet-controller [--kubeconfig <file>] [options]
panelet-controller cleanup --namespace <name> [--timeout 120s] [--kubeconfig <file>]
panelet-controller --version

Restarts the pods of DaemonSets without losing a session: watches the annotation panelet.dev/restart and PanelRestarts.
\`cleanup\` ends all PanelRestarts of a namespace before Panelet is uninstalled, so that nothing stays cordoned.

  --kubeconfig <file>             the cluster; the pod's service account when not given
  --namespace <name>              namespace to look after (default: panelet-system)
  --identity <name>               name of this process among several (default: host name)
  --lease-name <name>             (default: panelet-controller)
  --lease-seconds <n>             how long a lease holds without a renewal (default: 15)
  --health-address <host:port>    answers /livez and /readyz there
  --metrics-address <host:port>   answers /metrics there, over HTTPS, to whoever may get it
  --log-level <level>             (default: info)

How the gates of agents are reached, one of:

  --ca-secret <name>              TLS with a certificate authority that the controllers keep in this Secret; it signs for agents too
    --ca-config-map <name>        ConfigMap with what is to be trusted (default: the name of the Secret)
    --ca-publish-seconds <n>      how long a next authority is trusted before it signs (default: 3600)
    --signer-name <name>          signer of the agents' requests (default: panelet.dev/node)
    --agent-service-account <n>   service account of the agents (default: panelet-agent)
    --agent-service <name>        service of the agents (default: panelet-agent)
  --gate-cert-file <file>         TLS with a certificate that somebody else renews; read again when it changes
    --gate-key-file <file>        its key
    --gate-ca-file <file>         certificates to trust
  --gate-token-file <file>        bearer token; plain text unless --gate-ca-file is given. Also beside the others

  --gate-server-name <name>       name to expect in every gate's certificate (default: <node>.node.panelet.dev)

SIGTERM gives the lease back and ends. Exit codes: 0 asked to end; 1 lease lost, or a crash; 2 it could not start.
`;

/** What this process shall do. */
export interface ControllerArguments {
  readonly kubeconfig: string | undefined;
  readonly namespace: string;
  readonly identity: string;
  readonly leaseName: string;
  readonly leaseMs: number;
  readonly health: ListenAddress | undefined;
  readonly metrics: ListenAddress | undefined;
  readonly logLevel: string;
  readonly transport: TransportOptions;
}

const options = {
  kubeconfig: { type: 'string' },
  namespace: { type: 'string', default: 'panelet-system' },
  'ca-secret': { type: 'string' },
  'ca-config-map': { type: 'string' },
  'ca-publish-seconds': { type: 'string', default: '3600' },
  'signer-name': { type: 'string', default: 'panelet.dev/node' },
  'agent-service-account': { type: 'string', default: 'panelet-agent' },
  'agent-service': { type: 'string', default: 'panelet-agent' },
  'gate-cert-file': { type: 'string' },
  'gate-key-file': { type: 'string' },
  'gate-ca-file': { type: 'string' },
  'gate-token-file': { type: 'string' },
  'gate-server-name': { type: 'string' },
  identity: { type: 'string' },
  'lease-name': { type: 'string', default: 'panelet-controller' },
  'lease-seconds': { type: 'string', default: '15' },
  'health-address': { type: 'string' },
  'metrics-address': { type: 'string' },
  'log-level': { type: 'string', default: 'info' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;

type Values = ReturnType<typeof parse>;

function parse(args: readonly string[]) {
  return parseOptions('panelet-controller', { args: [...args], options });
}

function invalid(message: string): PaneletError {
  return new PaneletError('CONFIG_INVALID', message);
}

/**
 * Reads the arguments; `help` or `version` when that is asked for. `hostName` is the identity when none is given.
 * @throws PaneletError CONFIG_INVALID
 */
export function readArguments(args: readonly string[], hostName: string): ControllerArguments | 'help' | 'version' {
  const values = parse(args);
  if (values.help === true) return 'help';
  if (values.version === true) return 'version';
  const leaseSeconds = wholeNumber('lease-seconds', values['lease-seconds'], 3, 3600);
  const listen = (option: 'health-address' | 'metrics-address'): ListenAddress | undefined => {
    const text = values[option];
    return text === undefined ? undefined : parseListenAddress(`--${option}`, text);
  };
  const transport = transportOf(values);
  const metrics = listen('metrics-address');
  if (metrics !== undefined && transport.kind === 'token') {
    throw invalid('--metrics-address needs a certificate to serve with: --ca-secret or --gate-cert-file.');
  }
  return {
    kubeconfig: values.kubeconfig,
    namespace: values.namespace,
    identity: values.identity ?? hostName,
    leaseName: values['lease-name'],
    leaseMs: leaseSeconds * 1000,
    health: listen('health-address'),
    metrics,
    logLevel: values['log-level'],
    transport,
  };
}

function wholeNumber(option: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw invalid(`--${option} must be a whole number from ${min} to ${max}.`);
}

function transportOf(values: Values): TransportOptions {
  const tokenFile = values['gate-token-file'];
  const serverName = values['gate-server-name'];
  const common = { ...(tokenFile && { tokenFile }), ...(serverName && { serverName }) };
  const { 'ca-secret': secret, 'gate-cert-file': certFile, 'gate-key-file': keyFile, 'gate-ca-file': caFile } = values;
  if (secret !== undefined) {
    if (certFile !== undefined || caFile !== undefined) {
      throw invalid('Give either --ca-secret or --gate-cert-file and --gate-ca-file, not both.');
    }
    return {
      ...common,
      kind: 'own-ca',
      secret,
      configMap: values['ca-config-map'] ?? secret,
      publishMs: wholeNumber('ca-publish-seconds', values['ca-publish-seconds'], 1, 604_800) * 1000,
      signerName: values['signer-name'],
      serviceAccount: values['agent-service-account'],
      service: values['agent-service'],
    };
  }
  if (certFile !== undefined || keyFile !== undefined) {
    if (certFile === undefined || keyFile === undefined || caFile === undefined) {
      throw invalid('--gate-cert-file, --gate-key-file and --gate-ca-file belong together; give all three.');
    }
    return { ...common, kind: 'files', caFile, own: { certFile, keyFile } };
  }
  if (tokenFile === undefined) {
    throw invalid('Say how to reach gates: give --ca-secret, --gate-cert-file or --gate-token-file.');
  }
  return { ...common, kind: 'token', tokenFile, ...(caFile === undefined ? {} : { caFile }) };
}
