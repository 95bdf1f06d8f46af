import { join } from 'node:path';
import { nodeServerName } from '#common/node-server-name.js';
import { createPaneletClient, type PaneletClient } from '#client/sdk.js';
import { createSystemClock } from '#common/time/clock.js';
import type { Pod } from '#kube/objects.js';
import type { PanelRestart } from '#controller/restart/api/panel-restart.js';
import { waitFor } from '#test/support/wait-for.js';
import { watchCluster, isReady, type ClusterWatch, type Component } from './cluster-watch.js';
import { readEnvironment, type E2eEnvironment } from './environment.js';
import { createForwards } from './forwards.js';
import { outputOf, runProgram, type ProgramResult } from './run-program.js';

/** Everything an end-to-end test uses. */
export interface World {
  readonly env: E2eEnvironment;
  readonly watch: ClusterWatch;
  /** kubectl in the release's namespace; gives standard output. @throws when it fails. */
  kubectl(...args: readonly string[]): Promise<string>;
  /** As {@link World.kubectl}, but a failure is a result. */
  tryKubectl(...args: readonly string[]): Promise<ProgramResult>;
  helm(...args: readonly string[]): Promise<string>;
  /** The cluster program; only where the cluster is our own. */
  cluster(...args: readonly string[]): Promise<string>;
  /** A token of a service account with the audience of agents. */
  token(serviceAccount?: string): Promise<string>;
  /** The bundle that clients trust. */
  trust(): Buffer;
  /** Address of the agent of a node now: its pod's where this machine reaches pods, else a way through the API server. */
  addressOf(node: string): Promise<string>;
  /** Address that leads to a port of a pod, in the same way. @throws when there is none. */
  reach(pod: Pod, port: number): Promise<string>;
  /** A client of one node's agent, which follows it over restarts; one that `renewsToken` asks for one anew each time, also of a new installation. */
  client(node: string, options?: { readonly renewsToken?: boolean }): Promise<PaneletClient>;
  nodeNames(): readonly string[];
  pod(component: Component, node: string): Pod | undefined;
  /** Waits until all agents and hosts are ready and nothing restarts. */
  settled(limitMs?: number): Promise<void>;
  close(): Promise<void>;
}

const agentPort = 7443;
const nowhere = '127.0.0.1:9';

/** Opens the world of a test file. */
export async function openWorld(): Promise<World> {
  const env = readEnvironment();
  const watch = await watchCluster(env.kubeconfig, env.namespace);
  const clients: PaneletClient[] = [];
  const where = ['--kubeconfig', env.kubeconfig, '-n', env.namespace];
  const kubectl = (...args: readonly string[]): Promise<string> => outputOf(env.kubectl, [...where, ...args]);
  const token = async (serviceAccount = 'panelet-user'): Promise<string> =>
    (await kubectl('create', 'token', serviceAccount, '--audience', 'panelet.dev', '--duration', '3h')).trim();
  const forwards = createForwards([env.kubectl, ...where]);
  const reach = async ({ metadata, status }: Pod, port: number): Promise<string> => {
    if (status?.podIP === undefined) throw new Error(`Pod ${metadata.name} has no address.`);
    if (env.ownCluster !== undefined) return `${status.podIP}:${port}`;
    return forwards.to(metadata.name, metadata.uid ?? '', port);
  };
  const addressOf = async (node: string): Promise<string> => {
    const pod = watch.podsOf('agent').get(node);
    // Where there is none, nobody listens: the client tries again.
    return pod === undefined ? nowhere : reach(pod, agentPort).catch(() => nowhere);
  };
  const nodeNames = (): string[] => [...watch.podsOf('agent').keys()].sort();
  return {
    env,
    watch,
    kubectl,
    tryKubectl: (...args) => runProgram(env.kubectl, [...where, ...args]),
    helm: (...args) => outputOf(env.helm, ['--kubeconfig', env.kubeconfig, '-n', env.namespace, ...args]),
    cluster: (...args) => {
      if (env.ownCluster === undefined) throw new Error('This cluster is not ours to break.');
      return outputOf(env.ownCluster.command, args, { env: { CLUSTER_STATE: env.ownCluster.stateDir } });
    },
    token,
    trust: () => watch.trust(),
    addressOf,
    reach,
    client: async (node, { renewsToken = false } = {}) => {
      const client = createPaneletClient({
        resolve: () => addressOf(node),
        token: renewsToken ? () => token() : await token(),
        // Asked anew after a loss: the authority may have been replaced meanwhile.
        tls: () => ({ ca: watch.trust(), serverName: nodeServerName(node) }),
        times: { openTimeoutMs: 60_000, connectTimeoutMs: 60_000 },
      });
      clients.push(client);
      return client;
    },
    nodeNames,
    pod: (component, node) => watch.podsOf(component).get(node),
    settled: (limitMs = 180_000) =>
      waitFor(
        'all agents and hosts to be ready and no restart to run',
        () => {
          const nodes = watch.nodes().length;
          const ready = (component: Component): number => [...watch.podsOf(component).values()].filter(isReady).length;
          const busy = watch.restarts().some(({ status }) => status?.completionTime === undefined);
          const claimed = watch
            .pods()
            .some(({ metadata }) => metadata.annotations?.['panelet.dev/claim'] !== undefined);
          const going = watch.pods().some(({ metadata }) => metadata.deletionTimestamp !== undefined);
          return ready('agent') === nodes && ready('host') === nodes && !busy && !claimed && !going;
        },
        limitMs,
      ),
    close: async () => {
      await Promise.all(clients.map((client) => client.close()));
      await forwards.close();
      await watch.close();
    },
  };
}

/** Asks for a restart of a DaemonSet by annotation; gives the PanelRestart that was made for it. */
export async function annotateRestart(
  world: World,
  options: { readonly target?: string; readonly annotations?: Readonly<Record<string, string>> } = {},
): Promise<PanelRestart> {
  const { target = 'panelet-agent', annotations = {} } = options;
  const clock = createSystemClock();
  const value = `e2e-${clock.date().getTime()}-${Math.floor(Math.random() * 1e6)}`;
  const words = Object.entries({ 'panelet.dev/restart': value, ...annotations }).map(([key, text]) => `${key}=${text}`);
  await world.kubectl('annotate', `daemonset/${target}`, '--overwrite', ...words);
  const find = (): PanelRestart | undefined =>
    world.watch
      .restarts()
      .find(({ metadata }) => metadata.annotations?.['panelet.dev/restart-requested']?.endsWith(`:${value}`) === true);
  await waitFor('a PanelRestart for the annotation', () => find() !== undefined, 30_000);
  const restart = find();
  if (restart === undefined) throw new Error('The PanelRestart is gone.');
  return restart;
}

/** Waits until a restart is over; gives it. */
export async function restartOver(world: World, name: string, limitMs = 180_000): Promise<PanelRestart> {
  const get = (): PanelRestart | undefined => world.watch.restart(name);
  try {
    await waitFor(`restart ${name} to be over`, () => get()?.status?.completionTime !== undefined, limitMs);
  } catch (error) {
    throw new Error(`${(error as Error).message} ${JSON.stringify(get()?.status, null, 1)}`, { cause: error });
  }
  const restart = get();
  if (restart === undefined) throw new Error(`Restart ${name} was deleted.`);
  return restart;
}

/** Uid of a node's agent pod. */
export function podUid(world: World, component: Component, node: string): string {
  return world.pod(component, node)?.metadata.uid ?? '';
}

/** The tests' own client in Python, as arguments for {@link E2eEnvironment.python}. */
export function pythonClient({ root }: E2eEnvironment, ...args: readonly string[]): string[] {
  return [join(root, 'test/e2e/python/client.py'), ...args];
}
