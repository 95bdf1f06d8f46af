import { sleep, type Clock } from '#common/time/clock.js';
import { isPaneletError, PaneletError } from '#common/errors/errors.js';
import type { AddressQuery } from '../../connect/client-options.js';
import { chooseAgentPod, listAgentPods, type AgentPod } from './agent-pods.js';
import { advisingFlags } from '../io/flag-advice.js';
import type { Kubectl } from './kubectl.js';
import { openPortForward, type Forward } from './port-forward.js';
import type { Via } from './via.js';

/** A way to the agent of one node, whichever pod that is at the time. */
export interface AgentRoute {
  readonly node: string;
  /**
   * Address of the agent now. With `attempt` 0 the way that is there is used; later ones look the pod up again. With a `podUid` the
   * session moves: the pod of that uid is taken if it runs, and the way that is there stays open beside the next one.
   * @throws AGENT_UNREACHABLE while no agent runs there; API_NOT_FOUND when there is no such node.
   */
  resolve(query: RouteQuery): Promise<string>;
  /** The error, in terms of the node and of the way to it where it speaks of an address that nobody has given. */
  explain(error: unknown): Promise<unknown>;
  /** Ends the way. Resolves when nothing of it is left. */
  close(): Promise<void>;
}

/** What is asked of a route. */
export type RouteQuery = Pick<AddressQuery, 'attempt' | 'podUid'>;

/** What a route is made with. */
export interface AgentRouteDeps {
  readonly kubectl: Kubectl;
  readonly clock: Clock;
  readonly namespace: string;
  readonly node: string;
  /** @default what the pod says */
  readonly via: Via | undefined;
  /** Called, and waited for, each time another way is opened; beside that. Is given the pod's address where it goes straight there. */
  readonly dialled: (direct: string | undefined) => Promise<void>;
}

// Attempts that a forward which is alive may fail in a row: a node that lost its power leaves one that leads nowhere.
const patience = 2;

// Time for kubectl to say why a connection broke.
const hearMs = 500;

// A few, because a race may have several of them on the way.
const knownWays = 4;

function direct(pod: AgentPod): Forward {
  if (pod.address === undefined) {
    throw new PaneletError('AGENT_UNREACHABLE', `The pod ${pod.name} has no address yet. Try again.`);
  }
  return {
    address: pod.address,
    alive: true,
    failure: undefined,
    over: Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

/** The pod to go to: that of the uid, if it runs. */
async function findPod(deps: AgentRouteDeps, podUid: string | undefined): Promise<AgentPod> {
  const { kubectl, namespace, node } = deps;
  const pods = await listAgentPods(kubectl, { namespace, node });
  const pod = pods.find(({ uid, running }) => running && uid === podUid) ?? chooseAgentPod(pods);
  if (pod === undefined) throw await missing(deps, pods);
  return pod;
}

/** Why no pod was found. */
async function missing(deps: AgentRouteDeps, found: readonly AgentPod[]): Promise<PaneletError> {
  const { kubectl, namespace, node } = deps;
  const [first] = found;
  if (first !== undefined) {
    const message = `The agent of the node ${node} is not running: its pod ${first.name} is ${first.state}. Try again in a moment.`;
    return new PaneletError('AGENT_UNREACHABLE', message);
  }
  const nodes = nodesOf(await listAgentPods(kubectl, { namespace }));
  if (nodes.length === 0) return noAgents(namespace);
  const others = `Agents run on: ${nodes.join(', ')}.`;
  try {
    await kubectl.run(['get', 'node', node, '-o', 'name']);
  } catch (error) {
    if (isPaneletError(error, 'API_NOT_FOUND')) {
      return new PaneletError('API_NOT_FOUND', `The cluster has no node ${node}. ${others}`, { cause: error });
    }
    // Not everybody may read nodes.
  }
  return new PaneletError('AGENT_UNREACHABLE', `No agent runs on the node ${node} now. ${others}`);
}

/** The error of a namespace without agents. */
export function noAgents(namespace: string): PaneletError {
  const message = `No agent runs in the namespace ${namespace}. Give the namespace of Panelet with -n, or install it.`;
  return new PaneletError('API_NOT_FOUND', message);
}

/** Nodes of pods, sorted. */
export function nodesOf(pods: readonly AgentPod[]): readonly string[] {
  return [...new Set(pods.map((pod) => pod.node).filter((node) => node !== ''))].sort();
}

/** A route that has not been opened. */
export function createAgentRoute(deps: AgentRouteDeps): AgentRoute {
  const { kubectl, namespace, node } = deps;
  let current: { readonly uid: string; readonly forward: Forward } | undefined;
  /** The last ones, the current one first: what is said about a way may be heard when there is another. */
  let known: readonly Forward[] = [];
  /** Of the pod that the session was at, until it moves again. */
  let former: Forward | undefined;
  let reused = 0;
  let opening: Promise<string> | undefined;
  let closed = false;
  const leave = (isMove: boolean): void => {
    if (isMove) {
      void former?.close();
      former = current?.forward;
    } else void current?.forward.close();
    current = undefined;
  };
  const open = async ({ attempt, podUid }: RouteQuery): Promise<string> => {
    const pod = await findPod(deps, podUid);
    reused = attempt <= 1 ? 1 : reused + 1;
    const via = deps.via ?? pod.via;
    const isMove = podUid !== undefined;
    const isThere = current?.uid === pod.uid && current.forward.alive && via === 'port-forward';
    if (current !== undefined && isThere && (isMove || reused <= patience)) return current.forward.address;
    leave(isMove && current?.uid !== pod.uid);
    reused = 0;
    const dial = async (): Promise<Forward> =>
      via === 'address' ? direct(pod) : openPortForward({ kubectl, clock: deps.clock, namespace }, pod);
    const [forward, ready] = await Promise.allSettled([
      dial(),
      deps.dialled(via === 'address' ? pod.address : undefined),
    ]);
    if (forward.status === 'rejected') throw forward.reason as Error;
    current = { uid: pod.uid, forward: forward.value };
    known = [forward.value, ...known].slice(0, knownWays);
    if (closed) await current.forward.close();
    if (ready.status === 'rejected') throw ready.reason as Error;
    return forward.value.address;
  };
  return {
    node,
    resolve: async (query) => {
      if (query.attempt === 0 && current?.forward.alive === true) return current.forward.address;
      opening ??= open(query).finally(() => (opening = undefined));
      return opening;
    },
    explain: async (thrown) => {
      const error = advisingFlags(thrown);
      if (!isPaneletError(error, 'AGENT_UNREACHABLE')) return error;
      const tried = error.details['address']?.split(', ') ?? [];
      const forward = known.find(({ address }) => tried.includes(address)) ?? current?.forward;
      return forward === undefined ? error : explained(deps, error, forward);
    },
    close: async () => {
      closed = true;
      await Promise.all([current?.forward.close(), former?.close()]);
    },
  };
}

/** An error that came about on a way, in terms of the node. */
async function explained(
  { clock, namespace, node }: AgentRouteDeps,
  error: PaneletError,
  forward: Forward,
): Promise<PaneletError> {
  // kubectl knows the reason a moment later than its connection.
  await Promise.race([forward.over, sleep(clock, hearMs)]);
  const { failure, address } = forward;
  if (failure !== undefined) return failure;
  const { trouble } = error.details;
  // What an agent has said itself is kept.
  if (error.details['address'] !== address || trouble === undefined) return error;
  const itsPod = `Its pod: kubectl -n ${namespace} get pods -o wide`;
  // Nobody has given the address, so nobody can check it.
  const said = trouble === 'silent' ? `Nothing answers at ${address}. ` : `${error.advice ?? ''} `;
  const advice = trouble === 'unknown' ? itsPod : said + itsPod;
  return new PaneletError(error.code, `The agent of the node ${node} cannot be reached.`, { advice, cause: error });
}
