import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import {
  builtPrograms,
  createAgentHome,
  type AgentHome,
  type AgentProcess,
} from '#test/support/agent/running-agent.js';
import { waitFor } from '#test/support/wait-for.js';
import { runProgram, startProgram, type ProgramResult, type RunningProgram } from '../e2e/support/run-program.js';

jest.setTimeout(180_000);

const folder = 'examples/client-typescript';

describe('the examples of the client SDK', () => {
  let home: AgentHome;
  let agent: AgentProcess;
  let stateDir: string;
  const started: RunningProgram[] = [];
  const start = (name: string, ...args: string[]): RunningProgram => {
    const env = { PANELET_ADDRESS: home.address };
    const program = startProgram(process.execPath, [join(folder, name), ...args], { env });
    started.push(program);
    return program;
  };
  const run = (name: string, args: readonly string[], input = ''): Promise<ProgramResult> =>
    runProgram(process.execPath, [join(folder, name), ...args], { env: { PANELET_ADDRESS: home.address }, input });

  beforeAll(async () => {
    const workerCommand = [process.execPath, builtPrograms.worker];
    // Owners of shells have to get at their homes below it.
    stateDir = mkdtempSync('/tmp/pe-');
    // Of its own: with an owner's last session, all processes of a uid end on the whole machine.
    const uids = JSON.stringify({ first: 131_000, count: 10 });
    const parameters = process.getuid?.() === 0 ? { uids } : { allowSameUser: 'true' };
    const panels = [{ name: 'echo' }, { name: 'terminal', target: 'host', parameters }];
    home = createAgentHome(builtPrograms, { stateDir, workerCommand, panels });
    agent = await home.start();
  });
  afterEach(() => {
    for (const { child } of started.splice(0)) child.kill('SIGKILL');
  });
  afterAll(() => {
    home.remove();
    rmSync(stateDir, { recursive: true, force: true });
  });

  /** The agent dies, and another one comes. */
  const replaceAgent = async (): Promise<void> => {
    agent.child.kill('SIGKILL');
    await agent.exited;
    agent = await home.start();
  };

  test('are all tried: cat.js as the guide’s, the others here', () => {
    const files = readdirSync(folder).filter((name) => name.endsWith('.js'));
    expect(files.sort()).toEqual(['cat.js', 'run.js', 'shell.js', 'streams.js']);
    const text = readFileSync(join(folder, 'README.md'), 'utf8');
    expect(files.filter((name) => !text.includes(`(${name})`))).toEqual([]);
  });

  test('run.js is the program that it runs: input, output, errors and exit', async () => {
    const { code, stdout, stderr } = await run('run.js', ['sh', '-c', 'cat; echo problem >&2; exit 9'], 'in and out');
    expect({ code, stdout, stderr }).toEqual({ code: 9, stdout: 'in and out', stderr: 'problem\n' });
  });

  test('run.js ends with its program, though nobody ends its input', async () => {
    const { ended } = start('run.js', 'true');
    expect(await ended).toMatchObject({ code: 0, stderr: '' });
  });

  test('run.js says what is wrong, and what to do', async () => {
    const { code, stderr } = await run('run.js', ['no-such-program']);
    expect(code).toBe(127);
    expect(stderr).toMatch(/^PROGRAM_UNKNOWN: .*no-such-program/);
  });

  test('streams.js brings all of it back, over the death of an agent', async () => {
    const program = start('streams.js');
    const lines = Array.from({ length: 30_000 }, (_, index) => `${index} ${(index * 2_654_435_761) % 4_294_967_296}\n`);
    const half = lines.slice(0, 15_000).join('');
    program.child.stdin?.write(half);
    await waitFor(
      'some of it is back',
      () => program.stdout().length > 1_000 || program.child.exitCode !== null,
      60_000,
    );
    await replaceAgent();
    program.child.stdin?.end(lines.slice(15_000).join(''));
    const { code, stdout, stderr } = await program.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout === lines.join('')).toBe(true);
  });

  test('shell.js comes back to the same shell over the death of an agent, and ends it', async () => {
    const file = join(home.dir, 'session.json');
    expect(await run('shell.js', ['open', file], 'kept=42\n')).toMatchObject({ code: 0, stderr: '' });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    await replaceAgent();
    const again = await run('shell.js', ['go-on', file], 'echo "kept $kept"\n');
    expect(again).toMatchObject({ code: 0, stdout: 'kept 42\n', stderr: '' });
    expect((await run('shell.js', ['go-on', file], '')).stderr).toMatch(/SESSION_(ENDED|UNKNOWN)/);
  });
});
