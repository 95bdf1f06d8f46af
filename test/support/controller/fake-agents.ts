import type { FakeClock, Timer } from '#common/time/clock.js';
import { durationToMs, msToDuration } from '#common/time/duration.js';
import { msToTimestamp, timestampToMs } from '#common/time/timestamp.js';
import { PaneletError } from '#common/errors/errors.js';
import type { DrainListener, GateAddress, GateCalls } from '#controller/restart/api/ports.js';
import {
  OnTimeout,
  State,
  Target,
  type Command,
  type DrainRequest,
  type GateStatus,
  type Receipt,
  type WaitingAgent,
  type WorkerStatus,
} from '#proto/gate/v1/gate.js';

/** How an agent behaves; sessions are only counted. */
export interface AgentOptions {
  /** Sessions that are checkpointed by a drain. */
  checkpointable: number;
  /** Sessions that move to a newer worker in a drain. @default 0 */
  moved?: number;
  /** Sessions that live on in other workers. */
  kept: number;
  /** Sessions that are never safe; the policy decides. */
  stuck: number;
  /** How long each state of a drain lasts, in milliseconds. */
  stateMs: number;
  /** Sessions restored at the start. */
  restored: number;
  /** Says what becomes of the sessions that are not stuck once a drain is over. @default what the other options say */
  settle?: () => { readonly checkpointed: number; readonly moved: number };
  /** A drain that was over is taken back. */
  unsettle?: () => void;
}

/** An agent's gate in memory. */
export interface FakeAgent {
  readonly podUid: string;
  readonly node: string;
  readonly options: AgentOptions;
  instance: string;
  state: State;
  restartUid: string;
  reachable: boolean;
  /** Its pod was deleted: whatever it sealed stays sealed, and a crash starts no new instance. */
  terminating: boolean;
  /** Highest fencing number seen. */
  fencing: number;
  receipt: Receipt | undefined;
  /** Agents of its node that cannot start beside it. */
  waiting: WaitingAgent[];
  /** Ends the process: its drain is forgotten, its streams break. A new instance serves. */
  crash(): void;
  /** Goes on with a drain that waited for stuck sessions. */
  nudge(): void;
}

/** Agents by address, and calls to them. */
export interface FakeAgents extends GateCalls {
  readonly byAddress: Map<string, FakeAgent>;
  /** Commands received, in order. */
  readonly commands: { name: string; podUid: string }[];
  add(host: string, podUid: string, node: string, options: AgentOptions): FakeAgent;
  /** Workers of a host pod on a node, for whose gate the node's agent answers. */
  addHost(node: string, podUid: string, options: AgentOptions): FakeHost;
  /** The host pod of a uid; undefined when none is known. */
  hostOf(podUid: string): FakeHost | undefined;
  /** The workers of a host pod are gone. */
  removeHost(podUid: string): void;
  /** False for agents of the release before, which know of no pods of hosts. @default true */
  isNaming: boolean;
}

/** The workers of a host pod. They outlive the agent. */
export interface FakeHost {
  readonly options: AgentOptions;
  state: State;
  restartUid: string;
  receipt: Receipt | undefined;
  /** False while the host's pod is away. */
  up: boolean;
  readonly podUid: string;
  readonly node: string;
  retiring: boolean;
  /** Milliseconds since the epoch; infinite for no limit. */
  retireAtMs: number;
  /** Sessions that were ended because their time was over. */
  ended: number;
}

interface Gate {
  readonly options: AgentOptions;
  readonly target: Target;
  state: State;
  restartUid: string;
  receipt: Receipt | undefined;
  /** When it was cordoned last, as a number that rises. */
  cordonedAt: number;
  leaseTimer: Timer | undefined;
  leaseEndMs: number;
  /** Uid of the pod that the drain under way named. */
  drained: string | undefined;
  stateTimer: Timer | undefined;
  deadlineTimer: Timer | undefined;
  deadlineMs: number;
  listeners: Set<DrainListener>;
}

type Inner = FakeAgent & Gate;
type Host = FakeHost & Gate;

function newGate(options: AgentOptions, target: Target): Gate {
  return {
    options,
    target,
    state: State.SERVING,
    restartUid: '',
    receipt: undefined,
    cordonedAt: 0,
    leaseTimer: undefined,
    leaseEndMs: 0,
    drained: undefined,
    stateTimer: undefined,
    deadlineTimer: undefined,
    deadlineMs: 0,
    listeners: new Set(),
  };
}

const order = [
  State.CORDONED,
  State.NOTIFIED,
  State.FROZEN,
  State.QUIESCED,
  State.CHECKPOINTED,
  State.RELEASED,
  State.CLOSED,
];

/** No agent at first. */
export function createFakeAgents(clock: FakeClock): FakeAgents {
  const agents = new Map<string, Inner>();
  const hosts = new Map<string, Host>();
  /** Hosts that have gone while a restart had them. */
  const left = new Map<string, Host>();
  const commands: FakeAgents['commands'] = [];
  let instances = 0;
  let cordons = 0;

  let isNaming = true;
  const hostsOn = (node: string): Host[] => [...hosts.values()].filter((host) => host.node === node);
  const namedHost = (agent: Inner, podUid: string | undefined): Host | undefined =>
    isNaming && podUid !== undefined && podUid !== ''
      ? hostsOn(agent.node).find((one) => one.podUid === podUid)
      : undefined;
  const isNamed = (podUid: string | undefined): boolean => isNaming && podUid !== undefined && podUid !== '';
  /** Of all hosts of a node the youngest, where none is named. @throws where the one that is named is not there */
  const gateOf = (agent: Inner, target: Target | undefined, podUid?: string): Gate => {
    if (target !== Target.HOST) return agent;
    if (!isNamed(podUid)) return hostsOn(agent.node).at(-1) ?? agent;
    const host = namedHost(agent, podUid);
    if (host === undefined) throw new PaneletError('GATE_REFUSED', `no worker of pod ${podUid ?? ''} is there`);
    return host;
  };
  /** As an agent does: of the target that was cordoned last, else of its own. */
  const shownGate = (agent: Inner): Gate => {
    const cordoned = [agent, ...hostsOn(agent.node)].filter(({ state }) => state !== State.SERVING);
    return cordoned.sort((a, b) => b.cordonedAt - a.cordonedAt)[0] ?? agent;
  };
  const sessionsOf = ({ options }: Gate): number => options.checkpointable + options.kept + options.stuck;
  const isRetired = (gate: Gate): boolean => (gate as Partial<Host>).retiring === true;
  const retireAtOf = (gate: Gate): GateStatus['retireAt'] => {
    const { retireAtMs = Infinity } = gate as Partial<Host>;
    return isRetired(gate) && Number.isFinite(retireAtMs) ? msToTimestamp(retireAtMs) : undefined;
  };
  /** One that retires takes nothing new, whether a restart has cordoned it or not. */
  const shownState = (gate: Gate): State =>
    isRetired(gate) && gate.state === State.SERVING ? State.CORDONED : gate.state;
  const workerOf = (gate: Gate, panel: string, sessions: number): WorkerStatus => ({
    panel,
    state: (gate as Partial<Host>).up === false ? State.UNSPECIFIED : shownState(gate),
    sessions,
    pid: 1,
    target: gate.target,
    message: '',
    retiring: isRetired(gate),
    retireAt: retireAtOf(gate),
    instance: '',
    podUid: isNaming ? ((gate as Partial<Host>).podUid ?? '') : '',
  });
  const workersOf = (agent: Inner, gate: Gate, isAlone: boolean): WorkerStatus[] => {
    const own = workerOf(agent, 'logs', agent.options.checkpointable);
    const shown = hostsOn(agent.node).filter((host) => !isAlone || host === gate);
    const theirs = shown.map((host) => workerOf(host, 'terminal', sessionsOf(host)));
    return isAlone ? theirs : [own, ...theirs];
  };

  const statusOf = (agent: Inner, gate = shownGate(agent), isAlone = false): GateStatus => ({
    state: shownState(gate),
    restartUid: gate.restartUid,
    instance: agent.instance,
    sessions: sessionsOf(gate),
    counts: {
      finished: 0,
      kept: gate.options.kept,
      checkpointed: 0,
      forced: 0,
      remaining: gate.state === State.CLOSED ? 0 : gate.options.stuck,
      restored: gate.options.restored,
      moved: 0,
    },
    holders: Array.from({ length: gate.options.stuck }, (_, index) => ({
      sessionId: `s${index}`,
      panel: 'terminal',
      operation: 'pty.write',
      held: msToDuration(1500),
      bytes: 7,
    })),
    leaseRemaining: msToDuration(gate.leaseTimer === undefined ? 60_000 : gate.leaseEndMs - clock.nowMs()),
    deadlineRemaining: msToDuration(gate.deadlineMs - clock.nowMs()),
    fencing: agent.fencing,
    workers: workersOf(agent, gate, isAlone),
    node: agent.node,
    restartRequired: false,
    noticeMayEnd: false,
    waiting: agent.waiting,
    version: '0',
    podUid: agent.podUid,
    retiring: isRetired(gate),
    retireAt: retireAtOf(gate),
  });
  /** An agent knows the cordon of a pod for as long as its lease lasts, also when the pod has gone. */
  const leftStatus = (agent: Inner, podUid = ''): GateStatus | undefined => {
    const gone = left.get(podUid);
    if (gone?.node !== agent.node || gone.leaseEndMs <= clock.nowMs()) return undefined;
    return { ...statusOf(agent, gone, true), workers: [] };
  };
  const receiptOf = (agent: Inner, { receipt }: Gate): Receipt | undefined =>
    receipt === undefined
      ? undefined
      : { ...receipt, instance: agent.instance, digest: `${receipt.digest}-${agent.instance}` };
  const tell = (gate: Gate): void => {
    for (const listener of [...gate.listeners]) {
      const agent =
        'podUid' in gate
          ? (gate as Inner)
          : [...agents.values()].find((one) => hostsOn(one.node).includes(gate as Host) && one.reachable);
      if (agent === undefined) continue;
      listener.onState({ status: statusOf(agent, gate), receipt: receiptOf(agent, gate) });
      if (gate.state !== State.CLOSED && gate.state !== State.SERVING) continue;
      gate.listeners.delete(listener);
      listener.onEnd();
    }
  };
  const stopTimers = (gate: Gate): void => {
    gate.leaseTimer?.stop();
    gate.stateTimer?.stop();
    gate.deadlineTimer?.stop();
    gate.leaseTimer = undefined;
    gate.stateTimer = undefined;
    gate.deadlineTimer = undefined;
  };
  const serve = (gate: Gate): void => {
    stopTimers(gate);
    if (gate.state === State.CLOSED) gate.options.unsettle?.();
    gate.state = State.SERVING;
    gate.restartUid = '';
    gate.receipt = undefined;
    tell(gate);
  };
  const renew = (gate: Gate, leaseMs: number): void => {
    gate.leaseTimer?.stop();
    gate.leaseEndMs = clock.nowMs() + leaseMs;
    gate.leaseTimer = clock.after(leaseMs, () => serve(gate));
  };
  const close = (gate: Gate, forced: number): void => {
    gate.deadlineTimer?.stop();
    gate.state = State.CLOSED;
    const { kept, checkpointable, moved: told = 0, settle } = gate.options;
    const { checkpointed, moved } = settle?.() ?? { checkpointed: checkpointable, moved: told };
    gate.receipt = {
      restartUid: gate.restartUid,
      instance: '',
      counts: { finished: 0, kept, checkpointed, forced, remaining: 0, restored: 0, moved },
      forced: [],
      took: msToDuration(100),
      target: gate.target,
      podUid: gate.drained,
      digest: `digest-${gate.restartUid}-${forced}`,
    };
    tell(gate);
  };
  const step = (gate: Gate): void => {
    const next = order[order.indexOf(gate.state) + 1];
    if (next === undefined) return;
    if (next === State.QUIESCED && gate.options.stuck > 0) return;
    if (next === State.CLOSED) {
      close(gate, 0);
      return;
    }
    gate.state = next;
    tell(gate);
    gate.stateTimer = clock.after(gate.options.stateMs, () => step(gate));
  };
  const admit = (agent: Inner, gate: Gate, name: string, command: Command | undefined): void => {
    commands.push({ name, podUid: agent.podUid });
    if (command === undefined) throw new PaneletError('GATE_REFUSED', 'no command');
    if (command.fencing < agent.fencing) throw new PaneletError('GATE_REFUSED', 'an older leader');
    agent.fencing = command.fencing;
    if (gate.restartUid !== '' && gate.restartUid !== command.restartUid) {
      throw new PaneletError('GATE_REFUSED', 'cordoned by another restart');
    }
  };
  const find = ({ host, port }: GateAddress): Inner => {
    const agent = agents.get(`${host}:${port}`);
    if (agent?.reachable === true) return agent;
    throw new PaneletError('AGENT_UNREACHABLE', `nobody at ${host}:${port}`);
  };
  const cordon = (gate: Gate, command: Command | undefined, leaseMs: number): void => {
    const hasEnded = gate.state === State.CLOSED && gate.restartUid === '';
    gate.restartUid = command?.restartUid ?? '';
    if (hasEnded) close(gate, 0);
    gate.cordonedAt = ++cordons;
    if (gate.state === State.SERVING) gate.state = State.CORDONED;
    renew(gate, leaseMs);
  };
  /** What is left of the sessions of a host that retires ends at its time, and it is closed from then on; whoever drains it takes that over. */
  const endInTime = (host: Host): void => {
    const { retireAtMs } = host;
    if (!Number.isFinite(retireAtMs)) return;
    clock.after(Math.max(0, retireAtMs - clock.date().getTime()), () => {
      if (!host.retiring || host.retireAtMs !== retireAtMs) return;
      endAll(host);
      if (host.stateTimer !== undefined || host.state === State.CLOSED) return;
      host.drained = isNaming ? host.podUid : undefined;
      if (host.restartUid === '') host.state = State.CLOSED;
      else close(host, 0);
    });
  };
  const endAll = (host: Host): void => {
    host.ended += host.options.stuck;
    host.options.stuck = 0;
  };
  const startDrain = (gate: Gate, request: DrainRequest): void => {
    cordon(gate, request.command, durationToMs(request.lease, 60_000));
    if (gate.stateTimer !== undefined || gate.state === State.CLOSED) return;
    gate.drained = isNaming ? request.podUid : undefined;
    const timeoutMs = durationToMs(request.timeout, 60_000);
    gate.deadlineMs = clock.nowMs() + timeoutMs;
    gate.deadlineTimer = clock.after(timeoutMs, () => {
      if (request.onTimeout === OnTimeout.FORCE) {
        const { stuck } = gate.options;
        if (isRetired(gate)) endAll(gate as Host);
        close(gate, stuck);
      } else if (request.onTimeout !== OnTimeout.WAIT) serve(gate);
    });
    gate.stateTimer = clock.after(gate.options.stateMs, () => step(gate));
  };
  return {
    byAddress: agents,
    commands,
    get isNaming() {
      return isNaming;
    },
    set isNaming(next) {
      isNaming = next;
    },
    hostOf: (podUid) => hosts.get(podUid),
    removeHost: (podUid) => {
      const host = hosts.get(podUid);
      hosts.delete(podUid);
      if (host === undefined) return;
      if (isNaming && host.leaseTimer !== undefined) left.set(podUid, host);
      stopTimers(host);
    },
    addHost: (node, podUid, options) => {
      const fresh = { up: true, podUid, node, retiring: false, retireAtMs: Infinity, ended: 0 };
      const host: Host = hosts.get(podUid) ?? Object.assign(newGate({ ...options }, Target.HOST), fresh);
      host.up = true;
      hosts.set(podUid, host);
      return host;
    },
    add: (host, podUid, node, options) => {
      const agent: Inner = Object.assign(newGate(options, Target.AGENT), {
        podUid,
        node,
        options,
        instance: `instance-${++instances}`,
        reachable: true,
        fencing: 0,
        terminating: false,
        waiting: [],
        nudge: () => {
          if (agent.state === State.FROZEN) step(agent);
        },
        crash: () => {
          if (agent.terminating) return;
          const listeners = [...agent.listeners];
          agent.listeners.clear();
          serve(agent);
          agent.instance = `instance-${++instances}`;
          for (const listener of listeners) listener.onEnd(new PaneletError('AGENT_UNREACHABLE', 'stream broke'));
        },
      });
      agents.set(`${host}:7443`, agent);
      return agent;
    },
    status: async (address, podUid) => {
      await Promise.resolve();
      const agent = find(address);
      if (!isNamed(podUid)) return statusOf(agent);
      const host = namedHost(agent, podUid);
      return host === undefined ? leftStatus(agent, podUid) : statusOf(agent, host, true);
    },
    receipt: async (address, restartUid, podUid) => {
      await Promise.resolve();
      const agent = find(address);
      const asked = isNamed(podUid) ? [namedHost(agent, podUid)] : [agent, ...hostsOn(agent.node)];
      const given = asked.find(
        (one) =>
          one?.receipt?.restartUid === restartUid && (one.receipt.podUid ?? '') === (isNamed(podUid) ? podUid : ''),
      );
      return given === undefined ? undefined : receiptOf(agent, given);
    },
    retire: async (address, request) => {
      await Promise.resolve();
      const agent = find(address);
      if (!isNaming) throw new PaneletError('GATE_REFUSED', 'not implemented');
      const host = namedHost(agent, request.podUid);
      if (host === undefined) throw new PaneletError('GATE_REFUSED', 'no worker of that pod is there');
      admit(agent, host, 'retire', request.command);
      host.retiring = true;
      host.retireAtMs = request.retireAt === undefined ? Infinity : timestampToMs(request.retireAt);
      endInTime(host);
    },
    cordon: async (address, request) => {
      await Promise.resolve();
      const agent = find(address);
      const gate = gateOf(agent, request.target, request.podUid);
      admit(agent, gate, 'cordon', request.command);
      cordon(gate, request.command, durationToMs(request.lease, 60_000));
    },
    uncordon: async (address, request) => {
      await Promise.resolve();
      const agent = find(address);
      const gate = gateOf(agent, request.target, request.podUid);
      admit(agent, gate, 'uncordon', request.command);
      serve(gate);
    },
    drain: (address, request, listener) => {
      let gate: Gate | undefined;
      try {
        const agent = find(address);
        gate = gateOf(agent, request.target, request.podUid);
        admit(agent, gate, 'drain', request.command);
        startDrain(gate, request);
        gate.listeners.add(listener);
      } catch (error) {
        clock.after(1, () => listener.onEnd(error as Error));
      }
      return { stop: () => void gate?.listeners.delete(listener) };
    },
  };
}
