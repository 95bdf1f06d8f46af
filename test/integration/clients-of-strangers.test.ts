import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import {
  builtPrograms,
  createAgentHome,
  type AgentHome,
  type AgentProcess,
} from '#test/support/agent/running-agent.js';
import { startCuttingProxy, type CuttingProxy } from '#test/support/cutting-proxy.js';
import { cats, type BuiltCat } from '#test/support/cats.js';
import { describeWith } from '#test/support/strange-tools.js';
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

for (const { language, isThere, build } of cats()) {
  describeWith(isThere)(`a client in ${language} that is the guide’s`, () => {
    let cat: BuiltCat;
    let home: AgentHome;
    let proxies: CuttingProxy[];
    const fed: Fed[] = [];
    const ports = [7443, 7444] as const;

    /** An agent of a pod, in the directories of all agents of the node. */
    const start = (pod: string): Promise<AgentProcess> => {
      home.configure({ listen: `${home.host}:${ports[pod === oldPod ? 0 : 1]}` });
      return home.start({ PANELET_POD_UID: pod });
    };
    const open = async (): Promise<Fed> => {
      const client = new Fed(cat.start(proxies.map(({ address }) => address)));
      fed.push(client);
      await client.goesOn();
      return client;
    };

    beforeAll(async () => {
      cat = await build();
    }, 600_000);
    afterAll(() => cat.remove());
    beforeEach(async () => {
      const workerCommand = [process.execPath, builtPrograms.worker];
      home = createAgentHome(builtPrograms, { workerCommand, panels: [{ name: 'echo' }] });
      proxies = await Promise.all(ports.map((port) => startCuttingProxy(() => port, { targetHost: home.host })));
    });
    afterEach(async () => {
      for (const { program } of fed.splice(0)) program.child.kill('SIGKILL');
      await Promise.all(proxies.map((proxy) => proxy.close()));
      home.remove();
    });

    test('loses no byte over cuts, a SIGKILL of its agent, and the end of an agent beside another one', async () => {
      const killed = await start(oldPod);
      const client = await open();
      proxies[0]?.cut();
      await client.goesOn();
      killed.child.kill('SIGKILL');
      await killed.exited;
      const going = await start(oldPod);
      await client.goesOn();
      const beside = await start(newPod);
      going.child.kill('SIGTERM');
      expect(await going.exited).toBe(0);
      await client.goesOn();
      expect(home.workers('echo').length).toBeLessThanOrEqual(1);
      const { wrote, printed } = await client.finish();
      expect(printed).toBe(wrote);
      expect(beside.child.exitCode).toBeNull();
    });
  });
}
