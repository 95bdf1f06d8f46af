import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import {
  builtPrograms,
  createAgentHome,
  type AgentHome,
  type AgentProcess,
} from '#test/support/agent/running-agent.js';
import { startCuttingProxy, type CuttingProxy } from '#test/support/cutting-proxy.js';
import { cats, faultyCat, hasPythonCat, runGo, type BuiltCat } from '#test/support/cats.js';
import { describeWith, hasGo } from '#test/support/strange-tools.js';
import { waitFor } from '#test/support/wait-for.js';
import type { RunningProgram } from '../e2e/support/run-program.js';

jest.setTimeout(300_000);

const linesAtATime = 200;
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** A program that is fed with numbered lines, and prints them again. */
class Fed {
  #written = '';
  #lines = 0;
  #isOver = false;
  readonly #feeding: Promise<void>;

  constructor(readonly program: RunningProgram) {
    this.#feeding = this.#feed();
  }

  async #feed(): Promise<void> {
    while (!this.#isOver) {
      const line = `${(this.#lines += 1)}\n`;
      this.#written += line;
      this.program.child.stdin?.write(line);
      await new Promise((next) => setImmediate(next));
      // Stays less than a window ahead, so that lines are under way whenever something happens.
      await waitFor('lines come back', () => this.#isOver || this.#lines - this.count() < 1000);
    }
  }

  count(): number {
    return this.program.stdout().split('\n').length - 1;
  }

  /** Resolves when lines have come back that were not written yet. */
  async goesOn(): Promise<void> {
    const from = this.#lines;
    await waitFor(`lines beyond ${from}: ${this.program.stderr()}`, () => this.count() >= from + linesAtATime, 60_000);
  }

  /** Ends the input. @returns the exit code, and hashes of what was written and what was printed */
  async finish(): Promise<{ readonly code: number | null; readonly wrote: string; readonly printed: string }> {
    this.#isOver = true;
    await this.#feeding;
    this.program.child.stdin?.end();
    const { code, stdout, stderr } = await this.program.ended;
    if (code !== 0) throw new Error(stderr);
    return { code, wrote: sha256(this.#written), printed: sha256(stdout) };
  }
}

const [oldPod, newPod] = ['11111111-old', '22222222-new'];
const ports = [7443, 7444] as const;

/** A node with two pods of agents, and clients that come over lines that can be cut. */
class Node {
  readonly home: AgentHome;
  readonly #proxies: CuttingProxy[] = [];
  readonly #fed: Fed[] = [];

  constructor() {
    const workerCommand = [process.execPath, builtPrograms.worker];
    this.home = createAgentHome(builtPrograms, { workerCommand, panels: [{ name: 'echo' }] });
  }

  /** An agent of a pod, in the directories of all agents of the node. */
  start(pod: string): Promise<AgentProcess> {
    this.home.configure({ listen: `${this.home.host}:${ports[pod === oldPod ? 0 : 1]}` });
    return this.home.start({ PANELET_POD_UID: pod });
  }

  /** A client with a session of which lines come back. */
  async open(cat: BuiltCat): Promise<Fed> {
    const targetHost = this.home.host;
    const proxies = await Promise.all(ports.map((port) => startCuttingProxy(() => port, { targetHost })));
    this.#proxies.push(...proxies);
    const client = new Fed(cat.start(proxies.map(({ address }) => address)));
    this.#fed.push(client);
    await client.goesOn();
    return client;
  }

  cut(): void {
    for (const proxy of this.#proxies) proxy.cut();
  }

  async close(): Promise<void> {
    for (const { program } of this.#fed) program.child.kill('SIGKILL');
    await Promise.all(this.#proxies.map((proxy) => proxy.close()));
    this.home.remove();
  }
}

let node: Node;
beforeEach(() => {
  node = new Node();
});
afterEach(() => node.close());

for (const { language, isThere, build } of cats()) {
  describeWith(isThere)(`a client in ${language} that is the guide’s`, () => {
    let cat: BuiltCat;
    beforeAll(async () => {
      cat = await build();
    }, 600_000);
    afterAll(() => cat.remove());

    test('resumes with what was under way when its agent is gone by SIGKILL', async () => {
      const killed = await node.start(oldPod);
      const client = await node.open(cat);
      killed.child.kill('SIGKILL');
      await killed.exited;
      await node.start(oldPod);
      await client.goesOn();
      const { wrote, printed } = await client.finish();
      expect(printed).toBe(wrote);
    });

    test('loses no byte over cuts, a SIGKILL of its agent, and the end of an agent beside another one', async () => {
      const killed = await node.start(oldPod);
      const client = await node.open(cat);
      node.cut();
      await client.goesOn();
      killed.child.kill('SIGKILL');
      await killed.exited;
      const going = await node.start(oldPod);
      await client.goesOn();
      const beside = await node.start(newPod);
      going.child.kill('SIGTERM');
      expect(await going.exited).toBe(0);
      await client.goesOn();
      expect(node.home.workers('echo').length).toBeLessThanOrEqual(1);
      const { wrote, printed } = await client.finish();
      expect(printed).toBe(wrote);
      expect(beside.child.exitCode).toBeNull();
    });
  });
}

describeWith(hasGo())('the client in Go', () => {
  test('passes its own tests', async () => {
    expect(await runGo('test', '-count=1', '.')).toMatch(/^ok/);
  });
});

const deliver = 'self._deliver(Data(Channel(frame.data.channel), frame.data.payload), size)';

describeWith(hasPythonCat())('what these tests look at', () => {
  test.each([
    ['is not given to the reader', `frame.seq == 5 or ${deliver}`],
    ['is given to the reader twice', `[${deliver} for _ in range(1 + (frame.seq == 5))]`],
  ])('is not the same where one frame %s', async (_, instead) => {
    const cat = faultyCat(deliver, instead);
    try {
      await node.start(oldPod);
      const client = await node.open(cat);
      node.cut();
      await client.goesOn();
      const { wrote, printed } = await client.finish();
      expect(printed).not.toBe(wrote);
    } finally {
      cat.remove();
    }
  });
});
