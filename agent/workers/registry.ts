import { watch, type FSWatcher } from 'node:fs';
import { join } from 'node:path';
import { PaneletError } from '#common/errors/errors.js';
import { createChanges, type Changes } from '#common/changes.js';
import { locateWorker } from './locate-worker.js';
import type { PanelConfig } from '../config/config.js';
import type { AttachTarget, WantedSession } from '../front/calls/attach-relay.js';
import { closeNodeWorker, createNodeWorker, numberedArgv, type NodeWorkerDeps } from './create-node-worker.js';
import { ForeignWorkers, isBesideAgent, type ForeignWorker } from './foreign-workers.js';
import { HostPods, type HostPlace } from './host-pods.js';
import { requireShortSocket, socketDirectories, socketPlaces, workerNumbers } from './socket-places.js';
import {
  attachTarget,
  newestWorkers,
  takesNew,
  type NodeWorker,
  type ReachableWorker,
  type WorkerStage,
} from './node-worker.js';

/** The panels of this node and their workers. */
export interface Registry {
  readonly changes: Changes;
  /** All of them: of a panel the newest, those that retire, and one that comes; of hosts those of all pods. */
  workers(): readonly NodeWorker[];
  /** Hosts of a pod, also those that are not running now; empty where this node has none of that pod. */
  hostsOf(podUid: string): readonly NodeWorker[];
  /** Starts a panel, and takes up all workers of it that live from before; the one of them that came last is its newest. */
  add(panel: PanelConfig): void;
  /**
   * Starts another worker beside the newest one of its panel, as `panel` says.
   * @throws PaneletError CONFIG_INVALID when its socket's path is too long
   */
  addBeside(newest: NodeWorker, panel: PanelConfig): NodeWorker;
  /** Makes a worker that was coming its panel's newest; the one before retires. */
  promote(coming: NodeWorker): void;
  /** Forgets a worker that is gone or left alone. */
  remove(worker: NodeWorker): void;
  /** As {@link AttachTargets.requireKnown}. */
  requireKnown(panel: string): void;
  /** As {@link AttachTargets.isHolding}. */
  readonly isHolding: boolean;
  /** As {@link AttachTargets.ready}. */
  ready(wanted: WantedSession, signal: AbortSignal): Promise<AttachTarget>;
  /** Workers of other agents' pods that answer: their sessions are let through to them, and listed; they are nothing else to this agent. */
  foreign(): readonly ForeignWorker[];
  /** From now on no attachment is let through; those that come wait, or are sent to another agent whose workers answer. */
  holdAttaches(): void;
  /** Arguments that a worker would be started with now, were its panel this one. */
  argv(worker: NodeWorker, panel: PanelConfig): readonly string[];
  /** Looks again which workers this agent keeps running: another agent has come or gone. */
  reconsider(): void;
  /** Leaves every worker alone and closes every connection to them. */
  close(): void;
}

/** A registry without panels. */
export function createRegistry(deps: NodeWorkerDeps): Registry {
  return new WorkerRegistry(deps);
}

interface FoundWorker {
  readonly owner: ReachableWorker;
  /** What it was when it was found; undefined of another agent's. */
  readonly stage: WorkerStage | undefined;
}

interface WantedWorker {
  readonly panel: PanelConfig;
  readonly number: number;
  readonly stage: WorkerStage;
  readonly pod?: HostPlace;
}

class WorkerRegistry implements Registry {
  readonly changes = createChanges();
  readonly #deps: NodeWorkerDeps;
  readonly #workers = new Set<NodeWorker>();
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #hosts: HostPods;
  readonly #foreign: ForeignWorkers;
  /** Sockets of hosts, as they were found last. */
  #hostSockets: ReadonlyMap<string, string> = new Map();
  #holding = false;
  #isClosed = false;

  constructor(deps: NodeWorkerDeps) {
    this.#deps = deps;
    this.#hosts = new HostPods({
      log: deps.log,
      create: (panel, number, pod) => this.#create({ panel, number, stage: 'beside', pod }),
      close: (worker) => this.#forget(worker),
    });
    this.#foreign = new ForeignWorkers({
      ...deps,
      changes: this.changes,
      onHosts: (sockets, isNews) => {
        this.#hostSockets = sockets;
        this.#meetHosts(isNews);
      },
    });
  }

  get isHolding(): boolean {
    return this.#holding;
  }

  workers(): readonly NodeWorker[] {
    const all = [...this.#workers];
    return all.filter((worker) => this.#hosts.shown(worker.panel.name)?.includes(worker) ?? true);
  }

  hostsOf(podUid: string): readonly NodeWorker[] {
    return this.#hosts.ofPod(podUid);
  }

  add(panel: PanelConfig): void {
    const { place } = this.#deps;
    for (const directory of socketDirectories(place, panel)) this.#watch(directory);
    const numbers = workerNumbers(place, panel);
    if (numbers.length > 1) {
      void this.#choose(numbers.map((number) => this.#create({ panel, number, stage: 'undecided' })));
      return;
    }
    const first = this.#create({ panel, number: 1, stage: 'newest' });
    if (panel.run === 'spawn' || panel.target !== 'host') return;
    this.#hosts.add(first);
    this.#meetHosts(false);
  }

  addBeside({ number: last }: NodeWorker, panel: PanelConfig): NodeWorker {
    const number = Math.max(last, ...this.#of(panel.name).map((worker) => worker.number)) + 1;
    requireShortSocket(this.#deps.place, panel, number);
    return this.#create({ panel, number, stage: 'coming' });
  }

  promote(coming: NodeWorker): void {
    for (const worker of this.#of(coming.panel.name)) if (worker !== coming) worker.stage = 'retiring';
    coming.stage = 'newest';
    this.changes.notify();
  }

  remove(worker: NodeWorker): void {
    for (const host of this.#hosts.forget(worker.panel.name)) this.#forget(host);
    this.#forget(worker);
    this.changes.notify();
  }

  requireKnown(panel: string): void {
    // An agent that closes has forgotten its panels; those who come then are told so later.
    if (!this.#isClosed) this.#known(panel);
  }

  async ready({ panel, sessionId }: WantedSession, signal: AbortSignal): Promise<AttachTarget> {
    const { clock, log } = this.#deps;
    for (;;) {
      await this.changes.until(() => this.#letsThrough(panel), signal);
      const [first, ...others] = this.#candidates(panel);
      // Where there is one only, it has every session, or will.
      const owner = others.length === 0 ? first : await locateWorker([first, ...others], { clock, log, sessionId });
      const found = { owner, stage: this.#stageOf(owner) };
      const target = await this.changes.until(() => this.#wayTo(found, panel), signal);
      if (target !== 'look again') return target;
    }
  }

  /** @returns true once attachments of the panel are let through. @throws as `ready` */
  #letsThrough(panel: string): true | undefined {
    if (this.#isClosed) throw new PaneletError('WORKER_UNAVAILABLE', 'The agent restarts. Attach again.');
    this.#known(panel);
    if (!this.#holding) return true;
    // Who waits here waits for the end of this agent, and there is another one already.
    if (this.#foreign.up().some(isBesideAgent))
      throw new PaneletError('WORKER_UNAVAILABLE', 'This agent goes. Try another one.');
    return undefined;
  }

  /** Workers of a panel that may have a session. New ones go to the first: the newest, or another agent's while that one takes none any more. */
  #candidates(panel: string): readonly [ReachableWorker, ...ReachableWorker[]] {
    const newest = this.#known(panel);
    const others = this.#of(panel).filter(({ stage }) => stage === 'retiring' || stage === 'beside');
    const foreign = this.foreign().filter((worker) => worker.panel === panel);
    // One that is not up yet is waited for.
    const isCordoned = newest.link.state().kind === 'up' && !takesNew(newest);
    const first: ReachableWorker = (isCordoned ? foreign.find(takesNew) : undefined) ?? newest;
    return [first, ...[newest, ...others, ...foreign].filter((worker) => worker !== first)];
  }

  #own(worker: ReachableWorker): NodeWorker | undefined {
    return this.workers().find((own) => own === worker);
  }

  #stageOf(worker: ReachableWorker): WorkerStage | undefined {
    return this.#own(worker)?.stage;
  }

  #isThere(worker: ReachableWorker): boolean {
    return this.#own(worker) !== undefined || this.foreign().some((foreign) => foreign === worker);
  }

  /** The session may move while its worker is waited for, or the worker end or be replaced. */
  #wayTo({ owner, stage }: FoundWorker, panel: string): AttachTarget | 'look again' | undefined {
    if (this.#letsThrough(panel) === undefined) return undefined;
    if (this.#stageOf(owner) !== stage || !this.#isThere(owner)) return 'look again';
    return attachTarget(owner, this.#deps.clock);
  }

  foreign(): readonly ForeignWorker[] {
    return this.#foreign.up();
  }

  holdAttaches(): void {
    this.#holding = true;
  }

  argv({ number }: NodeWorker, panel: PanelConfig): readonly string[] {
    return numberedArgv(panel, { number, ...this.#deps });
  }

  reconsider(): void {
    for (const worker of this.#workers) worker.supervise(this.#deps.isInCharge(worker.panel));
    this.changes.notify();
  }

  close(): void {
    this.#isClosed = true;
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#foreign.close();
    this.changes.notify();
    for (const worker of this.#workers) closeNodeWorker(worker);
    this.#workers.clear();
  }

  #of(panel: string): readonly NodeWorker[] {
    return this.workers().filter((worker) => worker.panel.name === panel);
  }

  #known(panel: string): NodeWorker {
    const [newest] = newestWorkers(this.#of(panel));
    if (newest !== undefined && !newest.leaving) return newest;
    throw new PaneletError('PANEL_UNKNOWN', `This node does not offer the panel "${panel}".`);
  }

  #forget(worker: NodeWorker): void {
    closeNodeWorker(worker);
    this.#workers.delete(worker);
  }

  /** Takes hosts up whose sockets were found, and says which of them get what is new. */
  #meetHosts(isNews: boolean): void {
    if (this.#isClosed) return;
    this.#hosts.found(this.#hostSockets, isNews);
    for (const panel of new Set([...this.#workers].map((worker) => worker.panel.name))) this.#hosts.rank(panel);
    this.changes.notify();
  }

  #create(wanted: WantedWorker): NodeWorker {
    const { changes } = this;
    const { panel, pod } = wanted;
    const onChange = (): void => {
      this.#hosts.rank(panel.name);
      changes.notify();
      // Of one that has gone for good the socket is gone, too.
      if (pod !== undefined && worker.link.state().kind === 'absent') this.#foreign.look(false);
    };
    const onGone = (gone: NodeWorker): void => {
      gone.stage = 'gone';
      if (this.#workers.has(gone)) this.remove(gone);
    };
    const worker: NodeWorker = createNodeWorker(this.#deps, { ...wanted, changes, onChange, onGone });
    this.#workers.add(worker);
    return worker;
  }

  /** Of workers from before, the one that came last and lives is the newest. Where none lives, the first is started again. */
  async #choose(found: readonly NodeWorker[]): Promise<void> {
    await Promise.all(found.flatMap(({ supervisor }) => supervisor?.adopted ?? []));
    const living = found.filter(({ supervisor }) => supervisor?.status().process !== undefined);
    const newest = living.at(-1) ?? found[0];
    // Those that do not live are removed by their supervisors, which find that they are not wanted.
    for (const worker of found) worker.stage = worker === newest ? 'newest' : 'retiring';
    this.changes.notify();
  }

  #kick(isMeant: (worker: NodeWorker) => boolean): void {
    for (const worker of this.#workers) if (isMeant(worker)) worker.link.kick();
  }

  // A socket that appears is tried at once, instead of after the backoff.
  #watch(directory: string): void {
    if (this.#watchers.has(directory)) return;
    const { place } = this.#deps;
    const watcher = watch(directory, { persistent: false }, (_event, file) => {
      if (file === null) return;
      this.#kick(({ panel, number }) => socketPlaces(place, panel, number).includes(join(directory, file)));
    });
    watcher.on('error', () => watcher.close());
    this.#watchers.set(directory, watcher);
  }
}
