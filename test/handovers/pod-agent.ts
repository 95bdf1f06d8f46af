import { createGateClient, type GateClient } from '#client/calls/gate-client.js';
import { State } from '#proto/gate/v1/gate.js';
import type { AgentHome, AgentProcess } from '#test/support/agent/running-agent.js';
import { waitFor } from '#test/support/wait-for.js';
import { killAll, processesBelow, type BelowProcess } from './processes-below.js';

/** Longest that a start takes on a busy machine: what takes longer hangs. */
const startMs = 60_000;

/** The agent of one pod, with the workers that it starts: processes may follow each other in it, as containers do. */
export class PodAgent {
  readonly uid: string;
  readonly port: number;
  readonly gate: GateClient;
  readonly #home: AgentHome;
  #process: AgentProcess | undefined;

  /** The pod of a number; nothing runs in it yet. */
  constructor(number: number, home: AgentHome) {
    // Directories of pods are named by the beginning.
    this.uid = `${String(number).padStart(8, '0')}-pod`;
    this.port = home.port + number;
    this.#home = home;
    this.gate = createGateClient({ address: this.address });
  }

  get address(): string {
    return `${this.#home.host}:${this.port}`;
  }

  /** The agent that runs in it, or ran last. @throws before the first start */
  get process(): AgentProcess {
    if (this.#process === undefined) throw new Error(`No agent was started in pod ${this.uid}.`);
    return this.#process;
  }

  /** Starts an agent, and resolves once it serves. @throws with its log when it does not */
  async start(): Promise<void> {
    this.#home.configure({ listen: this.address });
    this.#process = await this.#home.start({ PANELET_POD_UID: this.uid, PANELET_POD_NAME: this.uid });
    if (!this.process.log().includes('Agent serves'))
      throw new Error(`Agent ${this.uid} does not serve.\n${this.process.log()}`);
  }

  /** Resolves once its newest worker serves. @throws with its log when the agent has ended, or that takes too long */
  async serves(): Promise<void> {
    const agent = this.process;
    const { child } = agent;
    const serves = async (): Promise<boolean> => {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`Agent ${this.uid} ended.\n${agent.log()}`);
      const status = await this.gate.status().catch(() => undefined);
      return status?.workers.some(({ state, retiring }) => state === State.SERVING && !retiring) === true;
    };
    await waitFor(`the worker of pod ${this.uid}`, serves, startMs);
  }

  /** Processes of its workers, the older ones first. */
  workers(): readonly BelowProcess[] {
    return processesBelow(`${this.#home.dir}/run/pods/${this.uid.slice(0, 8)}`);
  }

  /** Tells the agent to end. @returns its exit code, or the signal that it ended by */
  terminate(): Promise<number | string> {
    this.process.child.kill('SIGTERM');
    return this.process.exited;
  }

  /** Kills the agent alone; its workers live on. */
  async kill(): Promise<void> {
    this.process.child.kill('SIGKILL');
    await this.process.exited;
  }

  /** Kills the agent and its workers, as a container ends that dies. */
  async killPod(): Promise<void> {
    await this.kill();
    // Also one that it had started just now.
    const areGone = (): boolean => {
      killAll(this.workers());
      return this.workers().length === 0;
    };
    await waitFor(`the workers of pod ${this.uid} are killed`, areGone, startMs);
  }

  /** Nobody asks its gate any more. */
  close(): void {
    this.gate.close();
  }
}
