import type { Violation } from './history.js';

/** A process of the machine. */
export interface SeenProcess {
  readonly pid: number;
  readonly command: string;
  /** As in /proc/<pid>/cgroup; names the pod. */
  readonly cgroup: string;
}

/** What is on the machine when all is over. */
export interface Machine {
  readonly processes: readonly SeenProcess[];
  /** Uids of the pods that live. */
  readonly livePods: ReadonlySet<string>;
  /** Of pods that are gone: where an agent's port still answers, `host:port`. */
  readonly openPorts: readonly string[];
}

// Only a pod of this cluster has its worker's socket there.
const ofPanelet = /panelet-worker.*--socket=\/run\/panelet\/workers\/|panelet-agent.*--config=\/etc\/panelet\//;
const podIn = /pod([0-9a-f]{8}-[0-9a-f-]{27})/;

/** Processes and ports that nobody owns any more. */
export function leftoversOf({ processes, livePods, openPorts }: Machine): Violation[] {
  const orphans = processes.flatMap(({ pid, command, cgroup }) => {
    const uid = podIn.exec(cgroup)?.[1];
    if (uid === undefined && !ofPanelet.test(command)) return [];
    if (uid !== undefined && livePods.has(uid)) return [];
    const owner = uid === undefined ? 'no pod' : `pod ${uid}, which is gone`;
    return [{ what: 'no process outlives its pod', evidence: `process ${pid} of ${owner}: ${command.slice(0, 120)}` }];
  });
  const ports = openPorts.map((address) => ({
    what: 'no port outlives its pod',
    evidence: `${address} still answers`,
  }));
  return [...orphans, ...ports];
}
