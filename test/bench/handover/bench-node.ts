import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createGateClient } from '#client/calls/gate-client.js';
import type { AddressQuery } from '#client/sdk.js';
import { ReloadStep } from '#proto/agent/v1/agent.js';
import { State } from '#proto/gate/v1/gate.js';
import {
  connectAgent,
  createAgentHome,
  type AgentHome,
  type AgentProcess,
  type Programs,
} from '#test/support/agent/running-agent.js';
import { command, receiptOfDrain, startDrain } from '#test/support/gate-calls.js';
import { waitFor } from '#test/support/wait-for.js';

/** A node whose agent and workers are replaced by others beside them: the programs that ship, as they are started on a machine. */
export interface BenchNode {
  /** For clients: the agents that live, the latest first, as `panelet --node` finds them. */
  readonly resolve: (query: AddressQuery) => readonly string[];
  /** Starts the first agent. */
  start(): Promise<void>;
  /** `panelet reload --workers echo`; calls back once the new worker serves, and the old one begins to drain. @returns sessions that moved */
  replaceWorker(serves: () => void): Promise<number>;
  /**
   * As a restart that makes before it breaks: starts an agent of another pod, calls back once that one serves, drains the old one, and
   * sends it SIGTERM. @returns sessions that moved between its worker and the new one's
   */
  replaceAgent(serves: () => Promise<void>): Promise<number>;
  /** What workers of echo have logged since the last call. */
  workerLog(): string;
  close(): void;
}

interface Pod {
  readonly uid: string;
  readonly address: string;
  readonly agent: AgentProcess;
}

/** A node of the panels `echo` and, in a worker that stays, `terminal`. */
export function createBenchNode(programs: Programs): BenchNode {
  return new Node(programs);
}

class Node implements BenchNode {
  readonly #home: AgentHome;
  #pods: readonly Pod[] = [];
  #starts = 0;
  #readBytes = 0;

  constructor(programs: Programs) {
    this.#home = createAgentHome(programs, {
      panels: [{ name: 'echo' }, { name: 'terminal', target: 'host', parameters: { allowSameUser: 'true' } }],
      workerCommand: [process.execPath, programs.worker],
      sessionsPerOwner: { default: 10_000 },
      gracePeriodSeconds: 60,
      // Parts of a handover are told at this level.
      log: { level: 'debug' },
    });
  }

  readonly resolve = ({ podUid }: AddressQuery): readonly string[] =>
    this.#pods.toSorted((a, b) => Number(b.uid === podUid) - Number(a.uid === podUid)).map(({ address }) => address);

  async start(): Promise<void> {
    await this.#startPod();
  }

  async #startPod(): Promise<void> {
    this.#starts += 1;
    const uid = `${String(this.#starts).padStart(8, '0')}-bench`;
    const address = `${this.#home.host}:${7443 + (this.#starts % 2)}`;
    this.#home.configure({ listen: address });
    const agent = await this.#home.start({ PANELET_POD_UID: uid });
    const gate = createGateClient({ address });
    try {
      await waitFor('workers serve', async () => {
        const { workers } = await gate.status();
        const serving = workers.filter(({ state }) => state === State.SERVING).map(({ panel }) => panel);
        return ['echo', 'terminal'].every((panel) => serving.includes(panel));
      });
    } finally {
      gate.close();
    }
    this.#pods = [{ uid, address, agent }, ...this.#pods];
  }

  async replaceWorker(serves: () => void): Promise<number> {
    const gate = createGateClient({ address: this.#current().address });
    const request = { workers: true, panels: ['echo'], changedOnly: false, reason: '' };
    try {
      for await (const { step, counts, message } of gate.reload(request)) {
        if (step === ReloadStep.SERVES) serves();
        if (step === ReloadStep.FAILED) throw new Error(`The worker was not replaced: ${message}`);
        if (step === ReloadStep.RETIRED) return counts?.moved ?? 0;
      }
    } finally {
      gate.close();
    }
    throw new Error('The old worker has not retired.');
  }

  async replaceAgent(serves: () => Promise<void>): Promise<number> {
    const old = this.#current();
    await this.#startPod();
    await serves();
    const clients = connectAgent(old.address);
    const asked = {
      command: command(`bench-${this.#starts}`, this.#starts),
      noticeMs: 60_000,
      timeoutMs: 120_000,
      leaseMs: 120_000,
    };
    const { counts } = await receiptOfDrain(startDrain(clients.gate, asked)).finally(() => clients.close());
    old.agent.child.kill('SIGTERM');
    const code = await old.agent.exited;
    this.#pods = this.#pods.filter((pod) => pod !== old);
    if (code !== 0) throw new Error(`The old agent has ended with ${code}.\n${old.agent.log()}`);
    return counts?.moved ?? 0;
  }

  workerLog(): string {
    const log = readFileSync(join(this.#home.dir, 'state', 'logs', 'echo.log'));
    // An agent begins another file where this one has become large.
    const fresh = log.subarray(log.length < this.#readBytes ? 0 : this.#readBytes).toString();
    this.#readBytes = log.length;
    return fresh;
  }

  close(): void {
    this.#home.remove();
  }

  #current(): Pod {
    const [newest] = this.#pods;
    if (newest === undefined) throw new Error('No agent runs.');
    return newest;
  }
}
