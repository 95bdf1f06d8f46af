import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, connect, type AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { credentials, Metadata } from '@grpc/grpc-js';
import { createPaneletClient, type PaneletClient, type TlsOption } from '#client/sdk.js';
import { unaryCall } from '#common/grpc/unary-call.js';
import { HealthClient, type HealthCheckResponse } from '#grpc/health/v1/health.js';
import { GateServiceClient, type StatusResponse } from '#proto/gate/v1/gate.js';
import { createTestCertificate, type TestCertificate } from '#test/support/agent/certificate.js';
import { fakeNamespace, startFakeApi, type FakeApi } from '#test/support/agent/fake-api.js';
import { createAgentHome, untilText, type AgentHome, type AgentProcess } from '#test/support/agent/running-agent.js';
import type { Target } from './peer.js';

/** How an agent is set up for an attack. */
export interface AttackedAgentOptions {
  /** @default in the clear */
  readonly tls?: boolean;
  /** @default 'file' */
  readonly identity?: 'file' | 'kubernetes';
  /** Parts of `limits:`; the others have their defaults. */
  readonly limits?: Readonly<Record<string, number>>;
  /** Program to start. @default dist/bin/panelet-agent.js */
  readonly agent?: string;
}

/** A real agent with a real worker of the panel `echo`, in processes of their own. */
export interface AttackedAgent {
  readonly home: AgentHome;
  readonly target: Target;
  readonly maxConnections: number;
  /** The agent that runs now. */
  process(): AgentProcess;
  workerPid(): number;
  /** Exit code or signal of the agent, when it has ended. */
  agentEnded(): number | string | undefined;
  /** A token that the agent has not seen, of somebody with the role client. */
  freshToken(): string;
  client(token: string): PaneletClient;
  /** Asks the gate, over a connection of its own. */
  askGate(limitMs: number): Promise<void>;
  /** Asks Health/Check, over a connection of its own. */
  askHealth(limitMs: number): Promise<void>;
  /** Starts the agent again, after it was ended. */
  startAgain(): Promise<void>;
  close(): Promise<void>;
}

/** Token of the attacker, who has the role client. */
export const attackerToken = 'token-of-the-attacker';
const operatorToken = 'token-of-an-operator';
const clientTokens = Array.from({ length: 400 }, (_, index) => `token-of-client-${index}`);
const panel = 'echo';
// What Node gives itself in a container with the memory of the chart, 512 MiB.
const nodeOptions = '--max-old-space-size=256';
const apiDelayMs = 100;
const startTries = 3;

/** Starts one. @throws when it does not serve. */
export async function startAttackedAgent(options: AttackedAgentOptions = {}): Promise<AttackedAgent> {
  const certificate = options.tls === true ? await createTestCertificate('localhost') : undefined;
  const cluster = options.identity === 'kubernetes' ? await startSlowCluster() : undefined;
  const bin = (name: string): string => resolve('dist/bin', name);
  const worker = bin('panelet-worker.js');
  const programs = { agent: resolve(options.agent ?? bin('panelet-agent.js')), worker, stub: worker };
  const home = createAgentHome(programs);
  home.configure({
    panels: [{ name: panel }],
    workerCommand: [process.execPath, worker],
    // What attacks the agent is not to be stopped by the worker's quota first; an older agent knows of none.
    ...(options.agent === undefined ? { sessionsPerOwner: { default: 100_000 } } : {}),
    limits: { ...options.limits },
    ...identityOf(home, cluster !== undefined),
    ...(certificate === undefined ? {} : { tls: { certFile: certificate.certFile, keyFile: certificate.keyFile } }),
  });
  const probe = pathToFileURL(resolve('test/support/heap-probe.js')).href;
  const env = {
    NODE_OPTIONS: `${nodeOptions} --import ${probe}`,
    PANELET_TEST_HEAP_DIR: home.dir,
    ...cluster?.env,
  };
  const closeOthers = async (): Promise<void> => {
    await certificate?.close();
    await cluster?.close();
  };
  const first = await startServing(home, env).catch(async (error: unknown) => {
    await closeOthers();
    throw error;
  });
  const running = { agent: first };
  let ended: number | string | undefined;
  const watch = (): void => {
    const { agent } = running;
    void agent.exited.then((code) => {
      if (running.agent === agent) ended = code;
    });
  };
  watch();
  const clients = clientsOf(home, certificate);
  let used = 0;
  return {
    home,
    target: { host: home.host, port: home.port, tls: certificate !== undefined },
    maxConnections: options.limits?.['maxConnections'] ?? 4096,
    process: () => running.agent,
    workerPid: () => home.workers(panel)[0]?.pid ?? 0,
    agentEnded: () => ended,
    freshToken: () => clientTokens[used++ % clientTokens.length] ?? '',
    ...clients,
    startAgain: async () => {
      running.agent = await startServing(home, env);
      ended = undefined;
      watch();
    },
    close: async () => {
      home.remove();
      await closeOthers();
    },
  };
}

// On a busy machine a start may take longer than a test usually waits for it.
async function startServing(home: AgentHome, env: NodeJS.ProcessEnv): Promise<AgentProcess> {
  for (let left = startTries - 1; ; left--) {
    try {
      const agent = await home.start(env);
      await untilText(agent, 'Agent serves');
      return agent;
    } catch (error) {
      for (const child of home.children()) child.kill('SIGKILL');
      if (left > 0) continue;
      home.remove();
      throw error;
    }
  }
}

function identityOf(home: AgentHome, byCluster: boolean): Record<string, unknown> {
  if (byCluster) return { identity: { kubernetes: { audience: 'panelet.dev' } } };
  const file = join(home.dir, 'identities.yaml');
  const clients = [attackerToken, ...clientTokens].map((token) => ({ name: nameOf(token), token, roles: ['client'] }));
  const operator = { name: nameOf(operatorToken), token: operatorToken, roles: ['operator'] };
  writeFileSync(file, JSON.stringify({ identities: [...clients, operator] }));
  return { identity: { file } };
}

const nameOf = (token: string): string => token.replace('token-of-', '');

type Clients = Pick<AttackedAgent, 'client' | 'askGate' | 'askHealth'>;

function clientsOf(home: AgentHome, certificate: TestCertificate | undefined): Clients {
  const ca = certificate === undefined ? undefined : readFileSync(certificate.certFile);
  const tls: TlsOption = ca === undefined ? 'plaintext' : { ca, serverName: 'localhost' };
  const channel = ca === undefined ? credentials.createInsecure() : credentials.createSsl(ca);
  const channelOptions = { 'grpc.use_local_subchannel_pool': 1, 'grpc.ssl_target_name_override': 'localhost' };
  const deadlineIn = (limitMs: number): Date => new Date(Date.now() + limitMs);
  return {
    client: (token) => createPaneletClient({ address: home.address, token, tls }),
    askGate: async (limitMs) => {
      const client = new GateServiceClient(home.address, channel, channelOptions);
      const metadata = new Metadata({ waitForReady: true });
      metadata.set('authorization', `Bearer ${operatorToken}`);
      try {
        await unaryCall<StatusResponse>((...rest) => client.status({}, ...rest), {
          metadata,
          deadline: deadlineIn(limitMs),
        });
      } finally {
        client.close();
      }
    },
    askHealth: async (limitMs) => {
      const client = new HealthClient(home.address, channel, channelOptions);
      try {
        await unaryCall<HealthCheckResponse>((...rest) => client.check({ service: '' }, ...rest), {
          metadata: new Metadata({ waitForReady: true }),
          deadline: deadlineIn(limitMs),
        });
      } finally {
        client.close();
      }
    },
  };
}

interface SlowCluster {
  readonly env: NodeJS.ProcessEnv;
  close(): Promise<void>;
}

/** An API server that takes a while over each answer, as one over a network does. */
async function startSlowCluster(): Promise<SlowCluster> {
  const api = await startFakeApi();
  allowEverybody(api);
  const server = createServer((near) => {
    const far = connect(api.access.port, '127.0.0.1');
    near.on('data', (chunk) => far.write(chunk));
    far.on('data', (chunk) => setTimeout(() => near.write(chunk), apiDelayMs));
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
    }
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  return {
    env: { ...api.env(), KUBERNETES_SERVICE_PORT: String(port) },
    close: async () => {
      await api.close();
      await new Promise((done) => server.close(done));
    },
  };
}

function allowEverybody(api: FakeApi): void {
  const everybody = [attackerToken, ...clientTokens, operatorToken];
  for (const token of everybody) {
    const user = `system:serviceaccount:${fakeNamespace}:${nameOf(token)}`;
    api.users.set(token, { username: user, audiences: ['panelet.dev'] });
    const verbs = [
      ['create', 'panels'],
      ['list', 'panels'],
      ...['get', 'list', 'delete'].map((verb) => [verb, 'sessions'] as const),
      ...(token === operatorToken ? ([['get', 'gates']] as const) : []),
    ] as const;
    for (const [verb, on] of verbs) api.permissions.push({ user, verb, on });
  }
}
