import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { parseArgs } from 'node:util';

import { credentials, type ChannelCredentials } from '@grpc/grpc-js';

import { createSystemClock } from '#common/clock.js';
import { PaneletError } from '#common/errors.js';
import { createLog } from '#common/log.js';
import { createSystemRandom } from '#common/random.js';

import { createGateClient } from './gate-client.js';
import { parseHealthAddress, startHealthServer } from './health-server.js';
import { createKubeClient } from './kube/kube-client.js';
import { loadKubeConfig } from './kube/load-kube-config.js';
import { startController } from './run-controller.js';
import { createTokenFile } from './token-file.js';

const usage = `panelet-controller [--kubeconfig <file>] --gate-token-file <file> [options]

Restarts the pods of DaemonSets without losing a session: watches the annotation panelet.dev/restart and PanelRestarts.

  --kubeconfig <file>             the cluster; the pod's service account when not given
  --namespace <name>              namespace to look after (default: panelet-system)
  --gate-token-file <file>        bearer token for the agents' gates
  --gate-ca-file <file>           certificates to trust at the gates; plain text when not given
  --gate-server-name <name>       name to expect in the gates' certificates
  --identity <name>               name of this process among several (default: host name)
  --lease-name <name>             (default: panelet-controller)
  --lease-seconds <n>             how long a lease holds without a renewal (default: 15)
  --health-address <host:port>    answers /healthz and /readyz there
  --log-level <level>             (default: info)

SIGTERM gives the lease back and ends. Exit codes: 0 asked to end; 1 lease lost, or a crash; 2 it could not start.
`;

const exitFailed = 1;
const exitNotStarted = 2;

function readArguments() {
  const { values } = parseArgs({
    options: {
      kubeconfig: { type: 'string' },
      namespace: { type: 'string', default: 'panelet-system' },
      'gate-token-file': { type: 'string' },
      'gate-ca-file': { type: 'string' },
      'gate-server-name': { type: 'string' },
      identity: { type: 'string', default: hostname() },
      'lease-name': { type: 'string', default: 'panelet-controller' },
      'lease-seconds': { type: 'string', default: '15' },
      'health-address': { type: 'string' },
      'log-level': { type: 'string', default: 'info' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) {
    process.stdout.write(usage);
    process.exit(0);
  }
  const leaseSeconds = Number(values['lease-seconds']);
  if (!Number.isInteger(leaseSeconds) || leaseSeconds < 3 || leaseSeconds > 3600) {
    throw new PaneletError('CONFIG_INVALID', '--lease-seconds must be a whole number from 3 to 3600.');
  }
  const tokenFile = values['gate-token-file'];
  if (tokenFile === undefined)
    throw new PaneletError('CONFIG_INVALID', 'The option --gate-token-file <file> is missing.');
  return { ...values, leaseSeconds, tokenFile };
}

function gateCredentials(caFile: string | undefined): ChannelCredentials {
  if (caFile === undefined) return credentials.createInsecure();
  try {
    return credentials.createSsl(readFileSync(caFile));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new PaneletError('CONFIG_INVALID', `Cannot read --gate-ca-file ${caFile}: ${why}`, { cause: error });
  }
}

async function main(): Promise<number> {
  const args = readArguments();
  const log = createLog({ name: 'panelet-controller', level: args['log-level'] });
  const clock = createSystemClock({ keepsAlive: true });
  const random = createSystemRandom();
  const config = loadKubeConfig(args.kubeconfig);
  const serverName = args['gate-server-name'];
  const gates = createGateClient({
    clock,
    credentials: gateCredentials(args['gate-ca-file']),
    token: createTokenFile(args.tokenFile, clock),
    ...(serverName === undefined ? {} : { serverName }),
  });
  const crash = (error: unknown): void => {
    log.fatal({ err: error }, 'controller crashed');
    process.exit(exitFailed);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
  const asked = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => asked.abort());
  const healthAddress = args['health-address'];
  const leaseMs = args.leaseSeconds * 1000;
  const controller = startController(
    { api: createKubeClient({ config, clock }), gates, clock, random, log, signal: asked.signal },
    {
      namespace: args.namespace,
      identity: `${args.identity}_${random.uuid()}`,
      leaseName: args['lease-name'],
      leaseMs,
      renewDeadlineMs: (leaseMs * 2) / 3,
      retryMs: Math.min(2_000, leaseMs / 6),
    },
  );
  if (healthAddress !== undefined) {
    await startHealthServer(parseHealthAddress(healthAddress), () => controller.isSynced());
  }
  const how = await controller.ended;
  gates.close();
  await config.close();
  return how === 'lost' ? exitFailed : 0;
}

try {
  process.exit(await main());
} catch (error) {
  const { code, message } = PaneletError.from(error, 'CONFIG_INVALID');
  process.stderr.write(`panelet-controller: ${code}: ${message}\n`);
  process.exit(exitNotStarted);
}
