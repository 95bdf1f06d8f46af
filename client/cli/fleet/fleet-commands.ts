import pLimit from 'p-limit';
import { isPaneletError, PaneletError } from '#common/errors/errors.js';
import type { GateStatus } from '#proto/gate/v1/gate.js';
import { createGateClient } from '../../calls/gate-client.js';
import type { PanelInfo, SessionInfo } from '../../calls/node-views.js';
import { createPaneletClient } from '../../panelet-client.js';
import { openCluster } from '../access/agent-access.js';
import { chooseAgentPod, defaultNamespace, type AgentPod } from '../cluster/agent-pods.js';
import { nodesOf } from '../cluster/agent-route.js';
import { kubectlOf, report, type CliContext } from '../access/cli-context.js';
import type { Cluster, NodeAccess } from '../cluster/cluster.js';
import { exitCodes } from '../io/exit-codes.js';
import { gateStatusJson, stateName } from './gate-view.js';
import { tableLines } from '../io/output.js';
import { restartRows, type RestartObject } from './restart-object.js';

// Nodes that are asked at the same time: each may cost a kubectl.
const atOnce = 8;

type Answer<Value> =
  { readonly node: string; readonly value: Value } | { readonly node: string; readonly error: PaneletError };

/** Asks every node; one that does not answer does not keep the others from being shown. */
async function askNodes<Value>(
  nodes: readonly string[],
  ask: (node: string) => Promise<Value>,
): Promise<readonly Answer<Value>[]> {
  return pLimit(atOnce).map(nodes, async (node) => {
    try {
      return { node, value: await ask(node) };
    } catch (error) {
      return { node, error: PaneletError.from(error, 'AGENT_UNREACHABLE') };
    }
  });
}

// Longer than an agent takes that is there.
const silentMs = 2_000;

/** As `askNodes`; says on standard error which nodes are waited for, once that takes long. */
async function sayingWhoIsSilent<Value>(
  { world }: CliContext,
  nodes: readonly string[],
  ask: (node: string) => Promise<Value>,
): Promise<readonly Answer<Value>[]> {
  const waiting = new Set(nodes);
  const timer = world.clock.after(silentMs, () => {
    if (waiting.size > 0) world.stderr.write(`panelet: no answer yet from: ${[...waiting].join(', ')}\n`);
  });
  try {
    return await askNodes(nodes, (node) => ask(node).finally(() => waiting.delete(node)));
  } finally {
    timer.stop();
  }
}

/** What an agent says about itself: to operators its gate, to others whether its panels are serving. */
interface AgentWord {
  readonly state: string;
  readonly sessions: number;
  readonly version: string;
  readonly gate: GateStatus | undefined;
}

async function gateOf(context: CliContext, cluster: Cluster, { node, client, route }: NodeAccess): Promise<AgentWord> {
  const [token] = await Promise.all([cluster.token(), route.resolve({ attempt: 0 })]);
  const { clock, random } = context.world;
  const gate = createGateClient({
    resolve: (query) => route.resolve(query),
    token,
    tls: () => cluster.tls(node),
    clock,
  });
  try {
    const status = await gate.status();
    return { state: stateName(status.state), sessions: status.sessions, version: status.version, gate: status };
  } catch (error) {
    if (!isPaneletError(error, 'IDENTITY_REFUSED')) throw error;
    const user = createPaneletClient({ ...client, clock, random });
    try {
      return wordOfPanels((await user.listPanels()).panels);
    } finally {
      await user.close();
    }
  } finally {
    gate.close();
  }
}

function wordOfPanels(panels: readonly PanelInfo[]): AgentWord {
  const silent = panels.filter((panel) => !panel.serving).map((panel) => panel.name);
  return {
    state: silent.length === 0 ? 'SERVING' : `NOT SERVING ${silent.join(', ')}`,
    sessions: panels.reduce((sum, panel) => sum + panel.sessions, 0),
    version: panels[0]?.version ?? '',
    gate: undefined,
  };
}

async function wordOf(context: CliContext, cluster: Cluster, node: string): Promise<AgentWord> {
  const access = cluster.node(node);
  try {
    return await gateOf(context, cluster, access);
  } catch (error) {
    throw await access.route.explain(error);
  } finally {
    await access.route.close();
  }
}

async function restartsOf(context: CliContext): Promise<readonly RestartObject[]> {
  const { namespace } = context.flags;
  const kubectl = kubectlOf(context, context.world.stop);
  const get = async (scope: readonly string[]): Promise<readonly RestartObject[]> => {
    const list = JSON.parse(await kubectl.run(['get', 'panelrestarts', ...scope, '-o', 'json'])) as {
      items: RestartObject[];
    };
    return list.items;
  };
  if (namespace !== undefined) return get(['-n', namespace]);
  try {
    return await get(['-A']);
  } catch (error) {
    // Many may look into one namespace only.
    if (!isPaneletError(error, 'IDENTITY_REFUSED')) throw error;
    return get(['-n', defaultNamespace]);
  }
}

async function agentsOf(context: CliContext, cluster: Cluster): Promise<readonly AgentPod[]> {
  const { node } = context.flags;
  try {
    const pods = await cluster.agents();
    return node === undefined ? pods : pods.filter((pod) => pod.node === node);
  } catch (error) {
    // A cluster in which only restarts are left to see.
    if (isPaneletError(error, 'API_NOT_FOUND')) return [];
    throw error;
  }
}

function agentRow(pod: AgentPod, word: AgentWord | undefined): readonly string[] {
  const known = word === undefined ? ['?', '?', '?'] : [word.state, String(word.sessions), word.version];
  return [pod.node, pod.name, pod.ready ? 'yes' : 'no', ...known, pod.state === 'Running' ? '' : pod.state];
}

/**
 * `panelet status` of a cluster: the agent of every node with its gate, and the restarts. JSON:
 * `{agents: [{node, pod, ready, state, gate, serving?, sessions?, version?, error?}], restarts: […]}`; the gate is null for
 * those who may not see gates, and where an agent did not answer.
 */
export async function fleetStatusCommand(context: CliContext): Promise<void> {
  const cluster = openCluster(context);
  try {
    const restarts = await restartsOf(context);
    const pods = await agentsOf(context, cluster);
    const gates = await sayingWhoIsSilent(context, nodesOf(pods), (node) => wordOf(context, cluster, node));
    const agents = gates.map((answer) => {
      const ofNode = pods.filter((pod) => pod.node === answer.node);
      return { answer, pod: chooseAgentPod(ofNode) ?? ofNode[0] };
    });
    const rows = agents.flatMap(({ answer, pod }) =>
      pod === undefined ? [] : [agentRow(pod, 'value' in answer ? answer.value : undefined)],
    );
    const json = agents.map(({ answer, pod }) => ({
      node: answer.node,
      pod: pod?.name ?? '',
      ready: pod?.ready ?? false,
      state: pod?.state ?? '',
      gate: 'value' in answer && answer.value.gate !== undefined ? gateStatusJson(answer.value.gate) : null,
      ...('value' in answer
        ? { serving: answer.value.state, sessions: answer.value.sessions, version: answer.value.version }
        : {}),
      ...('error' in answer ? { error: { code: answer.error.code, message: answer.error.message } } : {}),
    }));
    report(context, {
      json: { agents: json, restarts },
      lines: [
        ...(rows.length === 0
          ? [`No agents in the namespace ${cluster.namespace}.`]
          : tableLines(['NODE', 'POD', 'READY', 'GATE', 'SESSIONS', 'VERSION', 'STATE'], rows)),
        ...gates.flatMap((answer) => ('error' in answer ? [`${answer.node}: ${answer.error.message}`] : [])),
        '',
        ...restartRows(restarts),
      ],
    });
  } finally {
    await cluster.close();
  }
}

/** Sessions of a cluster, and the nodes that did not answer. */
export interface FleetSessions {
  readonly sessions: readonly SessionInfo[];
  readonly unanswered: readonly { readonly node: string; readonly message: string }[];
}

/** The caller's sessions on every node, oldest first. @throws the error of the first node when none answers. */
export async function listFleetSessions(context: CliContext, panel: string | undefined): Promise<FleetSessions> {
  const cluster = openCluster(context);
  try {
    const { node } = context.flags;
    const nodes = node === undefined ? await cluster.nodes() : [node];
    const answers = await askNodes(nodes, (name) => cluster.withClient(name, (client) => client.listSessions(panel)));
    const failed = answers.flatMap((answer) => ('error' in answer ? [answer] : []));
    const [first] = failed;
    if (first !== undefined && failed.length === answers.length) throw first.error;
    const sessions = answers.flatMap((answer) => ('value' in answer ? answer.value : []));
    return {
      sessions: [...sessions].sort((left, right) => right.ageMs - left.ageMs),
      unanswered: failed.map(({ node: silent, error }) => ({ node: silent, message: error.message })),
    };
  } finally {
    await cluster.close();
  }
}

/** The exit code of a listing. */
export function exitCodeOfListing({ unanswered }: FleetSessions): number {
  return unanswered.length === 0 ? exitCodes.ok.code : exitCodes.unavailable.code;
}
