import { readFile } from 'node:fs/promises';
import type { GateClientOptions } from '../../calls/gate-client.js';
import { findSession } from '../../find-session.js';
import type { PaneletClientOptions } from '../../connect/client-options.js';
import { createPaneletClient, type PaneletClient } from '../../panelet-client.js';
import { isPaneletError, PaneletError } from '#common/errors/errors.js';
import { defaultNamespace } from '../cluster/agent-pods.js';
import { kubectlOf, type CliContext } from './cli-context.js';
import { clusterTimes, createCluster, dialTimeoutMs, onlyNode, type Cluster } from '../cluster/cluster.js';
import { defaultServiceAccount } from '../cluster/cluster-credentials.js';
import type { SavedCluster } from './resume-store.js';
import { advisingFlags } from '../io/flag-advice.js';
import { forwardHint } from './silent-address.js';
import { agentSettings, type AgentSettings, type GlobalFlags } from './settings.js';

/** What a session that was left says about reaching it again. */
export interface SavedWay {
  readonly node: string;
  readonly address?: string | undefined;
  readonly cluster?: SavedCluster | undefined;
}

/** What is known of the agent that is wanted, besides the flags. */
export interface AccessWish {
  /** A session that was left. */
  readonly saved?: SavedWay | undefined;
  /** A session that the agent has to have. */
  readonly sessionId?: string | undefined;
}

/** How a command reaches the agent it is about. */
export interface AgentAccess {
  /** Options for a client of it. */
  readonly client: Pick<PaneletClientOptions, 'address' | 'resolve' | 'token' | 'tls' | 'times'>;
  /** Options for a client of its gate. */
  gate(): Promise<GateClientOptions>;
  /** For coming back in a later run. */
  readonly way: { readonly address?: string; readonly cluster?: SavedCluster };
  /** The error, in terms of how the agent is reached. */
  explain(error: unknown): Promise<unknown>;
  close(): Promise<void>;
}

/**
 * True when agents are to be found through kubectl: for the plugin, and where a flag speaks of a cluster; never with
 * `--address`.
 */
export function usesCluster(context: CliContext, saved?: SavedWay): boolean {
  const { address, node, via, namespace, kubeconfig, context: name, serviceAccount } = context.flags;
  if (address !== undefined) return false;
  if (saved?.cluster !== undefined || context.world.name === 'kubectl panelet') return true;
  return [node, via, namespace, kubeconfig, name, serviceAccount].some((flag) => flag !== undefined);
}

/** True when nothing names an agent and the environment names a kubeconfig: then "everything" means that cluster. */
export function speaksOfCluster({ flags, world: { env } }: CliContext): boolean {
  return flags.address === undefined && env['PANELET_ADDRESS'] === undefined && (env['KUBECONFIG'] ?? '') !== '';
}

/** The cluster of the flags, and of a session that was left there, as a later run finds it again. */
export function savedClusterOf(flags: GlobalFlags, saved: SavedCluster | undefined): SavedCluster {
  const kubeconfig = flags.kubeconfig ?? saved?.kubeconfig;
  const name = flags.context ?? saved?.context;
  const via = flags.via ?? saved?.via;
  return {
    namespace: flags.namespace ?? saved?.namespace ?? defaultNamespace,
    serviceAccount: flags.serviceAccount ?? saved?.serviceAccount ?? defaultServiceAccount,
    ...(via === undefined ? {} : { via }),
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(name === undefined ? {} : { context: name }),
  };
}

/** The cluster of the flags, and of a session that was left there. @throws CONFIG_INVALID for flags that exclude another. */
export function openCluster(context: CliContext, saved?: SavedCluster): Cluster {
  const { world, flags } = context;
  const { namespace, via, serviceAccount, kubeconfig, context: name } = savedClusterOf(flags, saved);
  const { token, tls } = agentSettings(flags, world);
  const kubectl = kubectlOf({ ...context, flags: { ...flags, kubeconfig, context: name } }, world.stop);
  return createCluster({ kubectl, world, namespace, via, token, serviceAccount, tls });
}

/** The node of a session, which only its agent knows. Says on standard error what it found. */
export async function nodeOfSession(context: CliContext, cluster: Cluster, sessionId: string): Promise<string> {
  const list = (node: string): ReturnType<Parameters<typeof findSession>[0]['list']> =>
    cluster.withClient(node, (client) => client.listSessions());
  const node = await findSession({ sessionId, nodes: await cluster.nodes(), list });
  context.world.stderr.write(`panelet: the session ${sessionId} is on the node ${node}\n`);
  return node;
}

async function accessInCluster(context: CliContext, { saved, sessionId }: AccessWish): Promise<AgentAccess> {
  const cluster = openCluster(context, saved?.cluster);
  try {
    const known = context.flags.node ?? (saved?.node === '' ? undefined : saved?.node);
    const node =
      known ?? (sessionId === undefined ? await onlyNode(cluster) : await nodeOfSession(context, cluster, sessionId));
    const { client, route } = cluster.node(node);
    return {
      client: { ...client, times: clusterTimes },
      gate: async () => {
        const [token] = await Promise.all([cluster.token(), route.resolve({ attempt: 0 })]);
        return { resolve: (query) => route.resolve(query), token, tls: () => cluster.tls(node) };
      },
      way: { cluster: savedClusterOf(context.flags, saved?.cluster) },
      explain: (error) => route.explain(error),
      close: () => cluster.close(),
    };
  } catch (error) {
    await cluster.close();
    throw error;
  }
}

/**
 * The way to the agent that a command is about: the address that is given, or a node of a cluster through kubectl.
 * @throws CONFIG_INVALID for flags that exclude each other, or when there are several nodes and none is named.
 */
export async function openAccess(context: CliContext, wish: AccessWish = {}): Promise<AgentAccess> {
  const { flags, world } = context;
  if (flags.address !== undefined && (flags.node !== undefined || flags.via !== undefined)) {
    throw new PaneletError('CONFIG_INVALID', '--address excludes --node and --via. Give one or the other.');
  }
  if (usesCluster(context, wish.saved)) return accessInCluster(context, wish);
  const settings = agentSettings(flags, world, wish.saved);
  const { address, token, tls } = settings;
  const secret = token === undefined ? {} : { token };
  return {
    // A person is soon tired of an address that refuses; one that is silent may be far away.
    client: { address, tls, ...secret, ...rotatingToken(settings), times: { connectTimeoutMs: 1500, dialTimeoutMs } },
    gate: () => Promise.resolve({ address, tls, ...secret }),
    way: { address },
    explain: (error) => Promise.resolve(withForwardHint(advisingFlags(error), address)),
    close: () => Promise.resolve(),
  };
}

/** The error, with what may be behind it where a port-forward could have been. */
function withForwardHint(error: unknown, address: string): unknown {
  const hint = forwardHint(address);
  const isAway = isPaneletError(error, 'AGENT_UNREACHABLE') || isPaneletError(error, 'TRANSPORT_LOST');
  if (hint === undefined || !isAway || error.details['address'] !== address) return error;
  return error.advising([error.advice, hint].filter((advice) => advice !== undefined).join(' '));
}

/** A token file is read again for each attempt: what rotates tokens writes there. */
function rotatingToken({ token, tokenFile }: AgentSettings): Pick<PaneletClientOptions, 'token'> {
  if (tokenFile === undefined || token === undefined) return {};
  return { token: () => readFile(tokenFile, 'utf8').catch(() => token) };
}

/** How a client comes back for a person, who waits, and is one of few: no need for seconds between attempts. */
export const patientTimes = { reattach: { maxMs: 1000 }, liveness: { idleMs: 3000, timeoutMs: 10_000 } } as const;

/** A client for a person at a terminal. */
export function openClient(context: CliContext, access: AgentAccess): PaneletClient {
  const { clock, random } = context.world;
  return createPaneletClient({ ...access.client, ...patientTimes, clock, random });
}

/** The error, with the panels that there are where another one was asked for. */
async function namingPanels(client: PaneletClient, error: unknown): Promise<unknown> {
  if (!isPaneletError(error, 'PANEL_UNKNOWN')) return error;
  // Who may not see them is told what is known so far.
  const { panels } = await client.listPanels().catch(() => ({ panels: [] }));
  return panels.length === 0 ? error : error.advising(`It has: ${panels.map(({ name }) => name).join(', ')}.`);
}

/** Uses a client of the agent of the flags, and ends the way to it. */
export async function withAgent<Result>(
  context: CliContext,
  wish: AccessWish,
  use: (client: PaneletClient, access: AgentAccess) => Promise<Result>,
): Promise<Result> {
  const access = await openAccess(context, wish);
  const client = openClient(context, access);
  try {
    return await use(client, access);
  } catch (error) {
    throw await access.explain(await namingPanels(client, error));
  } finally {
    await client.close();
    await access.close();
  }
}
