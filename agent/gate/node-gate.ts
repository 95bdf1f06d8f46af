import { PaneletError } from '#common/errors/errors.js';
import {
  Target,
  type CordonRequest,
  type CordonResponse,
  type DrainRequest,
  type GateStatus,
  type GetReceiptRequest,
  type GetReceiptResponse,
  type RetireRequest,
  type RetireResponse,
  type StatusRequest,
  type UncordonRequest,
  type UncordonResponse,
} from '#proto/gate/v1/gate.js';
import type { Registry } from '../workers/registry.js';
import type { CommandSender } from './fencing.js';
import { createAgentGate, type AgentGate, type AgentGateDeps, type DrainWatcher } from './gate.js';
import { watchLiftedCordons } from './lifted-cordons.js';
import type { NodeWorkers } from './node-workers.js';
import type { PodCordons } from './pod-cordons.js';
import { retirePod } from './retire-pod.js';

/** What the node's gate needs. */
export interface NodeGateDeps extends Omit<AgentGateDeps, 'podUid' | 'nodeWorkers'> {
  readonly nodeWorkers: Pick<Registry, 'changes' | 'workers' | 'hostsOf'>;
  readonly podCordons: PodCordons;
}

/** The gate of a node: over all of its workers, and over the hosts of one pod where a request names it. */
export interface NodeGate {
  /** As {@link AgentGate}. @throws PaneletError POD_UNKNOWN where the request names a pod of which no host is here */
  cordon(request: CordonRequest, sender: CommandSender): Promise<CordonResponse>;
  uncordon(request: UncordonRequest, sender: CommandSender): Promise<UncordonResponse>;
  drain(request: DrainRequest, sender: CommandSender, watcher: DrainWatcher): Promise<void>;
  /** Has the hosts of a pod retire. @throws as {@link retirePod}; PaneletError POD_UNKNOWN, GATE_REFUSED */
  retire(request: RetireRequest, sender: CommandSender): Promise<RetireResponse>;
  receipt(request: GetReceiptRequest): Promise<GetReceiptResponse>;
  status(request: StatusRequest): GateStatus;
  /** Of a target, over all of its workers. */
  statusOf(target: Target): GateStatus;
  /** Stops following what others lift. */
  close(): void;
}

interface PodGate {
  readonly gate: AgentGate;
  readonly close: () => void;
}

/** Pods whose gates are remembered with their receipts, beside those that have workers here. */
const maxGone = 16;

/** The gate over a node's workers. */
export function createNodeGate(deps: NodeGateDeps): NodeGate {
  return new GatesOfNode(deps);
}

class GatesOfNode implements NodeGate {
  readonly #deps: NodeGateDeps;
  readonly #all: AgentGate;
  readonly #ofPods = new Map<string, PodGate>();

  constructor(deps: NodeGateDeps) {
    this.#deps = deps;
    this.#all = createAgentGate(deps);
  }

  cordon(request: CordonRequest, sender: CommandSender): Promise<CordonResponse> {
    return this.#of(request).cordon(request, sender);
  }

  uncordon(request: UncordonRequest, sender: CommandSender): Promise<UncordonResponse> {
    return this.#of(request).uncordon(request, sender);
  }

  drain(request: DrainRequest, sender: CommandSender, watcher: DrainWatcher): Promise<void> {
    return this.#of(request).drain(request, sender, watcher);
  }

  async retire(request: RetireRequest, sender: CommandSender): Promise<RetireResponse> {
    const { podUid } = request;
    if (!isNamed(podUid)) throw new PaneletError('GATE_REFUSED', 'It has to be said which pod retires.');
    const gate = this.#of(request);
    const command = await this.#deps.fencing.check(request.command, sender);
    const { clock, log } = this.#deps;
    await retirePod({ clock, nodeWorkers: this.#hostsOf(podUid) }, { ...request, target: Target.HOST, command });
    log.info({ podUid, restartUid: command.restartUid }, 'A host retires');
    return { status: gate.status(Target.HOST) };
  }

  receipt({ restartUid, podUid }: GetReceiptRequest): Promise<GetReceiptResponse> {
    return this.#of({ podUid }).receipt(restartUid);
  }

  status({ podUid }: StatusRequest): GateStatus {
    return this.#of({ podUid }).status(isNamed(podUid) ? Target.HOST : undefined);
  }

  statusOf(target: Target): GateStatus {
    return this.#all.status(target);
  }

  close(): void {
    for (const { close } of this.#ofPods.values()) close();
    this.#ofPods.clear();
  }

  #of({ podUid, target }: { readonly podUid?: string | undefined; readonly target?: Target }): AgentGate {
    if (!isNamed(podUid)) return this.#all;
    if (target !== undefined && target !== Target.HOST) {
      throw new PaneletError('GATE_REFUSED', 'Only hosts are asked for by their pod. Name the target host, or no pod.');
    }
    const known = this.#ofPods.get(podUid);
    const isHere = this.#deps.nodeWorkers.hostsOf(podUid).length > 0;
    // Of one that has ended since its drain, the receipt is still asked for.
    if (known !== undefined && (isHere || this.#deps.podCordons.of(podUid).get(Target.HOST) !== undefined))
      return known.gate;
    if (!isHere) throw new PaneletError('POD_UNKNOWN', `No host of the pod ${podUid} is on this node.`);
    const made = this.#make(podUid);
    this.#ofPods.set(podUid, made);
    this.#forgetOld();
    return made.gate;
  }

  #make(podUid: string): PodGate {
    const { podCordons, log } = this.#deps;
    const cordons = podCordons.of(podUid);
    const nodeWorkers = this.#hostsOf(podUid);
    return {
      gate: createAgentGate({ ...this.#deps, nodeWorkers, cordons, podUid }),
      close: watchLiftedCordons({ nodeWorkers, cordons, log }),
    };
  }

  #hostsOf(podUid: string): NodeWorkers {
    const { nodeWorkers } = this.#deps;
    return { changes: nodeWorkers.changes, workers: () => nodeWorkers.hostsOf(podUid) };
  }

  #forgetOld(): void {
    const gone = [...this.#ofPods].filter(([podUid]) => this.#deps.nodeWorkers.hostsOf(podUid).length === 0);
    for (const [podUid, { close }] of gone.slice(0, Math.max(0, gone.length - maxGone))) {
      close();
      this.#deps.podCordons.forget(podUid);
      this.#ofPods.delete(podUid);
    }
  }
}

function isNamed(podUid: string | undefined): podUid is string {
  return podUid !== undefined && podUid !== '';
}
