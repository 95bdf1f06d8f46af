import type { Clock } from '#common/time/clock.js';
import type { Changes } from '#common/changes.js';
import { newestWorkers, workerMessage, type NodeWorker } from '../workers/node-worker.js';

/** What readiness is made of. */
export interface ReadinessDeps {
  readonly clock: Clock;
  /** How long a panel that has never answered holds readiness up, in milliseconds. @default 30000 */
  readonly workersMs?: number;
}

/** The workers of the node, and word of their changes. */
export interface WatchedUnits {
  readonly changes: Changes;
  workers(): readonly NodeWorker[];
}

/** Whether the agent is ready, and if not, why: what a probe is told. */
export interface Readiness {
  /** A part of the start that everything else waits for, in a sentence; undefined when it is over. */
  starting(what: string | undefined): void;
  /** What the source of the certificate has to say, from now on. */
  watchCertificate(reasons: () => readonly string[]): void;
  /** Calls are let in from now on; the panels have their time from here. */
  admitted(node: WatchedUnits): void;
  /** The agent drains and ends. */
  stopping(): void;
  /** What keeps it from being ready; empty when nothing does. */
  reasons(): readonly string[];
}

const defaultWorkersMs = 30_000;

/**
 * Not ready until calls are let in and the worker of each panel has answered once. A panel that never answers stops counting
 * after its time: one broken panel must not keep the others out of service, nor a rollout waiting. A cordon does not matter here.
 */
export function createReadiness({ clock, workersMs = defaultWorkersMs }: ReadinessDeps): Readiness {
  const answered = new Set<string>();
  let phase: string | undefined = 'The agent starts.';
  let certificate = (): readonly string[] => [];
  let workers = (): readonly NodeWorker[] => [];
  let waitsUntilMs = 0;
  const look = (): void => {
    for (const { panel, link } of workers()) if (link.state().kind === 'up') answered.add(panel.name);
  };
  const missing = (): readonly string[] => {
    const all = workers();
    if (clock.nowMs() >= waitsUntilMs) return [];
    return newestWorkers(all)
      .filter(({ panel }) => !answered.has(panel.name))
      .map((worker) => `The panel "${worker.panel.name}" has not answered yet: ${workerMessage(worker)}`);
  };
  return {
    starting: (what) => {
      phase = what;
    },
    watchCertificate: (reasons) => {
      certificate = reasons;
    },
    admitted: (node) => {
      phase = undefined;
      workers = () => node.workers();
      // Probes come too seldom to see a worker that answered and is gone again.
      node.changes.subscribe(look);
      look();
      waitsUntilMs = clock.nowMs() + workersMs;
    },
    stopping: () => {
      phase = 'The agent stops.';
    },
    reasons: () => [...(phase === undefined ? [] : [phase]), ...certificate(), ...missing()],
  };
}
