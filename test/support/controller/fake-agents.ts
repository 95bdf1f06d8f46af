import type { FakeClock, Timer } from '#common/clock.js';
import { durationToMs, msToDuration } from '#common/duration.js';
import { PaneletError } from '#common/errors.js';
import type { DrainListener, GateAddress, GateCalls } from '#controller/restart/ports.js';
import {
  OnTimeout,
  State,
  Target,
  type Command,
  type DrainRequest,
  type GateStatus,
  type Receipt,
} from '#proto/gate/v1/gate.js';

/** How an agent behaves; sessions are only counted. */
export interface AgentOptions {
  /** Sessions that are checkpointed by a drain. */
  checkpointable: number;
  /** Sessions that live on in other workers. */
  kept: number;
  /** Sessions that are never safe; the policy decides. */
  stuck: number;
  /** How long each state of a drain lasts, in milliseconds. */
  stateMs: number;
  /** Sessions restored at the start. */
  restored: number;
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
}

interface Inner extends FakeAgent {
  leaseTimer: Timer | undefined;
  stateTimer: Timer | undefined;
  deadlineTimer: Timer | undefined;
  deadlineMs: number;
  listeners: Set<DrainListener>;
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
  const commands: FakeAgents['commands'] = [];
  let instances = 0;

  const statusOf = (agent: Inner): GateStatus => ({
    state: agent.state,
    restartUid: agent.restartUid,
    instance: agent.instance,
    sessions: agent.options.checkpointable + agent.options.kept + agent.options.stuck,
    counts: {
      finished: 0,
      kept: agent.options.kept,
      checkpointed: 0,
      forced: 0,
      remaining: agent.state === State.CLOSED ? 0 : agent.options.stuck,
      restored: agent.options.restored,
    },
    holders: Array.from({ length: agent.options.stuck }, (_, index) => ({
      sessionId: `s${index}`,
      panel: 'terminal',
      operation: 'pty.write',
      held: msToDuration(1500),
      bytes: 7,
    })),
    leaseRemaining: msToDuration(60_000),
    deadlineRemaining: msToDuration(agent.deadlineMs - clock.nowMs()),
    fencing: agent.fencing,
    workers: [],
    node: agent.node,
    restartRequired: false,
    noticeMayEnd: false,
    version: '0',
    podUid: agent.podUid,
  });
  const tell = (agent: Inner): void => {
    for (const listener of [...agent.listeners]) {
      listener.onState({ status: statusOf(agent), receipt: agent.receipt });
      if (agent.state !== State.CLOSED && agent.state !== State.SERVING) continue;
      agent.listeners.delete(listener);
      listener.onEnd();
    }
  };
  const stopTimers = (agent: Inner): void => {
    agent.leaseTimer?.stop();
    agent.stateTimer?.stop();
    agent.deadlineTimer?.stop();
    agent.stateTimer = undefined;
    agent.deadlineTimer = undefined;
  };
  const serve = (agent: Inner): void => {
    stopTimers(agent);
    agent.state = State.SERVING;
    agent.restartUid = '';
    agent.receipt = undefined;
    tell(agent);
  };
  const renew = (agent: Inner, leaseMs: number): void => {
    agent.leaseTimer?.stop();
    agent.leaseTimer = clock.after(leaseMs, () => serve(agent));
  };
  const close = (agent: Inner, forced: number): void => {
    agent.deadlineTimer?.stop();
    agent.state = State.CLOSED;
    const { kept, checkpointable } = agent.options;
    agent.receipt = {
      restartUid: agent.restartUid,
      instance: agent.instance,
      counts: { finished: 0, kept, checkpointed: checkpointable, forced, remaining: 0, restored: 0 },
      forced: [],
      took: msToDuration(100),
      target: Target.AGENT,
      digest: `digest-${agent.instance}-${agent.restartUid}-${forced}`,
    };
    tell(agent);
  };
  const step = (agent: Inner): void => {
    const next = order[order.indexOf(agent.state) + 1];
    if (next === undefined) return;
    if (next === State.QUIESCED && agent.options.stuck > 0) return;
    if (next === State.CLOSED) {
      close(agent, 0);
      return;
    }
    agent.state = next;
    tell(agent);
    agent.stateTimer = clock.after(agent.options.stateMs, () => step(agent));
  };
  const admit = (agent: Inner, name: string, command: Command | undefined): void => {
    commands.push({ name, podUid: agent.podUid });
    if (command === undefined) throw new PaneletError('GATE_REFUSED', 'no command');
    if (command.fencing < agent.fencing) throw new PaneletError('GATE_REFUSED', 'an older leader');
    agent.fencing = command.fencing;
    if (agent.restartUid !== '' && agent.restartUid !== command.restartUid) {
      throw new PaneletError('GATE_REFUSED', 'cordoned by another restart');
    }
  };
  const find = ({ host, port }: GateAddress): Inner => {
    const agent = agents.get(`${host}:${port}`);
    if (agent?.reachable === true) return agent;
    throw new PaneletError('AGENT_UNREACHABLE', `nobody at ${host}:${port}`);
  };
  const startDrain = (agent: Inner, request: DrainRequest): void => {
    agent.restartUid = request.command?.restartUid ?? '';
    if (agent.state === State.SERVING) agent.state = State.CORDONED;
    renew(agent, durationToMs(request.lease, 60_000));
    if (agent.stateTimer !== undefined || agent.state === State.CLOSED) return;
    const timeoutMs = durationToMs(request.timeout, 60_000);
    agent.deadlineMs = clock.nowMs() + timeoutMs;
    agent.deadlineTimer = clock.after(timeoutMs, () => {
      if (request.onTimeout === OnTimeout.FORCE) close(agent, agent.options.stuck);
      else if (request.onTimeout !== OnTimeout.WAIT) serve(agent);
    });
    agent.stateTimer = clock.after(agent.options.stateMs, () => step(agent));
  };
  return {
    byAddress: agents,
    commands,
    add: (host, podUid, node, options) => {
      const agent: Inner = {
        podUid,
        node,
        options,
        instance: `instance-${++instances}`,
        state: State.SERVING,
        restartUid: '',
        reachable: true,
        fencing: 0,
        receipt: undefined,
        leaseTimer: undefined,
        stateTimer: undefined,
        deadlineTimer: undefined,
        deadlineMs: 0,
        listeners: new Set(),
        terminating: false,
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
      };
      agents.set(`${host}:7443`, agent);
      return agent;
    },
    status: async (address) => {
      await Promise.resolve();
      return statusOf(find(address));
    },
    receipt: async (address, restartUid) => {
      await Promise.resolve();
      const { receipt } = find(address);
      return receipt?.restartUid === restartUid ? receipt : undefined;
    },
    cordon: async (address, request) => {
      await Promise.resolve();
      const agent = find(address);
      admit(agent, 'cordon', request.command);
      agent.restartUid = request.command?.restartUid ?? '';
      if (agent.state === State.SERVING) agent.state = State.CORDONED;
      renew(agent, durationToMs(request.lease, 60_000));
    },
    uncordon: async (address, request) => {
      await Promise.resolve();
      const agent = find(address);
      admit(agent, 'uncordon', request.command);
      serve(agent);
    },
    drain: (address, request, listener) => {
      let agent: Inner | undefined;
      try {
        agent = find(address);
        admit(agent, 'drain', request.command);
        startDrain(agent, request);
        agent.listeners.add(listener);
      } catch (error) {
        clock.after(1, () => listener.onEnd(error as Error));
      }
      return { stop: () => void agent?.listeners.delete(listener) };
    },
  };
}
