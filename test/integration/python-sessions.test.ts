import { createInterface, type Interface } from 'node:readline';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { startProgram, type RunningProgram } from '../e2e/support/run-program.js';
import {
  builtPrograms,
  createAgentHome,
  type AgentHome,
  type AgentProcess,
} from '#test/support/agent/running-agent.js';
import { describeWith, findPython } from '#test/support/strange-tools.js';

jest.setTimeout(300_000);

interface Answer {
  readonly value?: unknown;
  readonly code?: string;
  readonly reason?: string;
  /** All that has come, where something failed. */
  readonly text?: string;
}

/** A session of the client in Python, in a process of its own. */
class Stage {
  readonly #answers: AsyncIterator<string>;
  readonly #lines: Interface;

  constructor(readonly program: RunningProgram) {
    this.#lines = createInterface({ input: program.child.stdout! });
    this.#answers = this.#lines[Symbol.asyncIterator]();
  }

  /** Gives a command. @returns what came of it @throws where the process has ended */
  async ask(name: string, value: unknown = null): Promise<Answer> {
    this.program.child.stdin?.write(`${JSON.stringify([name, value])}\n`);
    const answer = await this.#answers.next();
    if (answer.done === true) throw new Error(`No answer to ${name}: ${this.program.stderr()}`);
    return JSON.parse(answer.value) as Answer;
  }

  /** As `ask`, where nothing may fail. */
  async must(name: string, value?: unknown): Promise<unknown> {
    const { value: result, code, reason } = await this.ask(name, value);
    if (code !== undefined) throw new Error(`${name}: ${code} ${reason ?? ''}`);
    return result;
  }

  close(): void {
    this.#lines.close();
    this.program.child.kill('SIGKILL');
  }
}

const numbers = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, index) => `${from + index}\n`).join('');

// Some megabytes: frames are under way whenever the session is left.
const lines = 500_000;
const python = findPython('grpc', 'google.protobuf');

describeWith(python !== undefined)('a session of the client in Python', () => {
  let home: AgentHome;
  let agent: AgentProcess;
  const stages: Stage[] = [];
  const stage = (): Stage => {
    const env = {
      PANELET_ADDRESS: home.address,
      PYTHONDONTWRITEBYTECODE: '1',
      PYTHONPATH: 'examples/client-python',
    };
    const started = new Stage(startProgram(python ?? 'python3', ['test/support/python-session.py'], { env }));
    stages.push(started);
    return started;
  };
  const replaceAgent = async (): Promise<void> => {
    agent.child.kill('SIGKILL');
    await agent.exited;
    agent = await home.start();
  };

  beforeEach(async () => {
    const workerCommand = [process.execPath, builtPrograms.worker];
    home = createAgentHome(builtPrograms, { workerCommand, panels: [{ name: 'echo' }] });
    agent = await home.start();
  });
  afterEach(() => {
    for (const started of stages.splice(0)) started.close();
    home.remove();
  });

  test.each([
    ['another process goes on with it', false],
    ['another process goes on with it over the next agent, as its own was killed', true],
  ])('is left while lines come back, and %s from there: no line is lost or comes twice', async (_, isKilled) => {
    const [first, second] = [stage(), stage()];
    await first.must('open', 'echo');
    await first.must('write', numbers(1, lines));
    await first.must('read', 100);
    const state = await first.must('detach');
    const before = await first.must('rest');
    if (isKilled) await replaceAgent();
    await second.must('resume', state);
    await second.must('write', numbers(lines + 1, lines + 100));
    await second.must('end');
    const after = await second.must('rest');
    const both = `${String(before)}${String(after)}`;
    // Not toBe: nobody reads a difference of megabytes.
    expect(both === numbers(1, lines + 100)).toBe(true);
  });

  test('is over for good once it is terminated, also while its agent is being replaced', async () => {
    const [first, second] = [stage(), stage()];
    const state = await first.must('open', 'echo');
    await first.must('write', numbers(1, 10));
    await first.must('read', 10);
    const replaced = replaceAgent();
    await first.must('terminate');
    await replaced;
    expect(await first.must('rest')).toBe(numbers(1, 10));
    // A second time it does nothing.
    await first.must('terminate');
    expect(await second.ask('resume', state)).toMatchObject({
      reason: expect.stringMatching(/^SESSION_(ENDED|UNKNOWN)$/),
    });
  });

  test('is taken over by another process while it is attached: the first one is told, and loses nothing that it had', async () => {
    const [first, second] = [stage(), stage()];
    const state = await first.must('open', 'echo');
    await first.must('write', numbers(1, 10));
    await first.must('read', 10);
    await second.must('resume', state);
    expect(await first.ask('rest')).toMatchObject({ reason: 'ATTACH_SUPERSEDED', text: numbers(1, 10) });
    await second.must('write', numbers(11, 20));
    await second.must('end');
    const rest = String(await second.must('rest'));
    // What the first one had not acknowledged comes again.
    expect(numbers(1, 20).endsWith(rest)).toBe(true);
    expect(rest.endsWith(numbers(11, 20))).toBe(true);
  });
});
