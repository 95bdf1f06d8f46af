import { basename, dirname } from 'node:path';
import type { Log } from '#common/log.js';
import type { PanelConfig } from '../config/config.js';
import { linkForEarlierAgents } from './earlier-place.js';
import { instanceOf } from './locate-worker.js';
import { takesNew, type NodeWorker } from './node-worker.js';

/** Where the container of a pod has its worker. */
export interface HostPlace {
  /** Uid of the pod. */
  readonly uid: string;
  readonly socketPath: string;
}

/** What the hosts of pods need. */
export interface HostPodsDeps {
  readonly log: Log;
  /** Begins to hold the worker of a pod. */
  readonly create: (panel: PanelConfig, number: number, pod: HostPlace) => NodeWorker;
  /** Ends what is held of one whose socket has gone. */
  readonly close: (worker: NodeWorker) => void;
}

/** The hosts of a panel. */
interface Hosts {
  readonly panel: PanelConfig;
  /** That of no pod: of the release before, or where there are no pods. */
  readonly base: NodeWorker;
  /** By their sockets, those that came first before. */
  readonly ofPods: Map<string, NodeWorker>;
  lastNumber: number;
  /** Instance that was linked last for agents of the release before. */
  linked: string;
}

/** The hosts of a node whose workers are containers: one for each pod that has left a socket, each for itself. */
export class HostPods {
  readonly #deps: HostPodsDeps;
  readonly #byPanel = new Map<string, Hosts>();

  constructor(deps: HostPodsDeps) {
    this.#deps = deps;
  }

  /** Holds the hosts of a panel from now on; `base` is the one that belongs to no pod. */
  add(base: NodeWorker): void {
    const { panel, number } = base;
    this.#byPanel.set(panel.name, { panel, base, ofPods: new Map(), lastNumber: number, linked: '' });
  }

  /** Forgets a panel. @returns the workers of its pods, to be closed */
  forget(panel: string): readonly NodeWorker[] {
    const hosts = this.#byPanel.get(panel);
    this.#byPanel.delete(panel);
    return [...(hosts?.ofPods.values() ?? [])];
  }

  /**
   * Takes up sockets that have come, the one that came first first, and gives up those that have gone and do not answer. `isNews` where one that is
   * known may be another one now, which is asked at once.
   */
  found(sockets: ReadonlyMap<string, string>, isNews: boolean): void {
    for (const [socketPath, name] of sockets) {
      const hosts = this.#byPanel.get(name);
      const known = hosts?.ofPods.get(socketPath);
      if (isNews && known !== undefined && known.link.state().kind !== 'up') known.link.kick();
      if (hosts === undefined || known !== undefined) continue;
      hosts.lastNumber += 1;
      const pod = { uid: basename(dirname(socketPath)), socketPath };
      hosts.ofPods.set(socketPath, this.#deps.create(hosts.panel, hosts.lastNumber, pod));
    }
    for (const { ofPods } of this.#byPanel.values()) {
      for (const [socketPath, worker] of [...ofPods]) {
        if (sockets.has(socketPath) || worker.link.state().kind === 'up') continue;
        ofPods.delete(socketPath);
        this.#deps.close(worker);
      }
    }
  }

  /** Says anew which host of a panel gets what is new. */
  rank(panel: string): void {
    const hosts = this.#byPanel.get(panel);
    if (hosts === undefined) return;
    const all = [hosts.base, ...hosts.ofPods.values()] as const;
    const newest = chosenHost(all);
    for (const worker of all) worker.stage = worker === newest ? 'newest' : stageBeside(worker);
    this.#link(hosts, newest);
  }

  /** Hosts of a panel that are there, or one that says that none is; undefined where this holds no hosts of it. */
  shown(panel: string): readonly NodeWorker[] | undefined {
    const hosts = this.#byPanel.get(panel);
    if (hosts === undefined) return undefined;
    const all = [hosts.base, ...hosts.ofPods.values()];
    const isThere = (worker: NodeWorker): boolean =>
      worker.link.state().kind !== 'absent' && (worker !== hosts.base || all.length === 1 || worker.link.asked());
    const there = all.filter(isThere);
    return there.length > 0 ? there : all.filter(({ stage }) => stage === 'newest');
  }

  /** Hosts of a pod, also those that are not running now. */
  ofPod(uid: string): readonly NodeWorker[] {
    return [...this.#byPanel.values()]
      .flatMap(({ ofPods }) => [...ofPods.values()])
      .filter(({ podUid }) => podUid === uid);
  }

  #link(hosts: Hosts, newest: NodeWorker): void {
    const instance = instanceOf(newest);
    const [socketPath] = [...hosts.ofPods].find(([, worker]) => worker === newest) ?? [];
    if (instance === undefined || socketPath === undefined || hosts.linked === instance) return;
    hosts.linked = instance;
    void linkForEarlierAgents(socketPath, this.#deps.log);
  }
}

/**
 * Which of the hosts of a panel gets what is new: of those that take new sessions the one that came first, so that a replacement which may yet be
 * put back has none before the other one retires or drains. Where none takes any, the best guess: one that will, the last one first.
 */
function chosenHost(hosts: readonly [NodeWorker, ...NodeWorker[]]): NodeWorker {
  let [chosen] = hosts;
  for (const worker of hosts) {
    const more = promise(worker) - promise(chosen);
    if (more > 0 || (more === 0 && promise(worker) !== takesNewNow)) chosen = worker;
  }
  return chosen;
}

const takesNewNow = 4;

function promise(worker: NodeWorker): number {
  const link = worker.link.state();
  if (takesNew(worker)) return takesNewNow;
  if (link.kind === 'unknown') return 2;
  if (link.kind === 'absent') return worker.podUid === '' ? 0 : 1;
  return link.status.retiring ? 1 : 3;
}

/** One that is cordoned may be put back, one that retires not. */
function stageBeside(worker: NodeWorker): 'beside' | 'retiring' {
  const link = worker.link.state();
  if (link.kind === 'up') return link.status.retiring ? 'retiring' : 'beside';
  return worker.stage === 'retiring' ? 'retiring' : 'beside';
}
