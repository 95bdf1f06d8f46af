import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createSystemRandom } from '#common/random.js';
import {
  builtPrograms,
  createAgentHome,
  type AgentHome,
  type AgentProcess,
} from '#test/support/agent/running-agent.js';
import { cliEnvironment, cliProgram } from '#test/support/cli-user.js';
import { startCuttingProxy, type CuttingProxy } from '#test/support/cutting-proxy.js';

jest.setTimeout(300_000);

const isRoot = process.getuid?.() === 0;
const mebibyte = 1024 * 1024;
const files = 125;
const fileBytes = 4 * mebibyte;

describe('tar through panelet exec', () => {
  let home: AgentHome;
  let agent: AgentProcess;
  let proxy: CuttingProxy;
  let dir: string;
  let stateDir: string;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'panelet-tar-'));
    home = createAgentHome(builtPrograms);
    const uids = JSON.stringify({ first: 150_000, count: 10 });
    // Directly in /tmp: owners must be able to pass, and those of the tests are closed.
    stateDir = mkdtempSync('/tmp/pt-');
    home.configure({
      stateDir,
      workerCommand: [process.execPath, builtPrograms.worker],
      panels: [{ name: 'terminal', target: 'host', parameters: isRoot ? { uids } : { allowSameUser: 'true' } }],
    });
    agent = await home.start();
    const port = Number(home.address.split(':').at(-1));
    proxy = await startCuttingProxy(() => port, {
      random: createSystemRandom(),
      cutAfterBytes: [30 * mebibyte, 80 * mebibyte],
      targetHost: home.host,
    });
  });
  afterAll(async () => {
    await proxy.close();
    home.remove();
    for (const left of [dir, stateDir]) rmSync(left, { recursive: true, force: true });
  });

  const exec = (flags: readonly string[], command: readonly string[]): ChildProcess => {
    const args = [cliProgram, 'exec', '-a', proxy.address, '--plaintext', ...flags, '--', ...command];
    return spawn(process.execPath, args, { env: cliEnvironment(dir), stdio: ['pipe', 'pipe', 'inherit'] });
  };
  const ended = (child: ChildProcess): Promise<number | null> =>
    new Promise((resolve) => child.once('close', (code) => resolve(code)));
  const hashes = (place: string): string =>
    execFileSync('sh', ['-c', 'cd "$1" && find . -type f | LC_ALL=C sort | xargs -d "\\n" sha256sum', 'sh', place], {
      encoding: 'utf8',
    });
  const kill = async (): Promise<void> => {
    agent.child.kill('SIGKILL');
    await agent.exited;
    agent = await home.start();
  };
  /** Passes bytes on, and kills the agent when half of them have passed. */
  const killInTheMiddle = (): { stream: Transform; killed: () => Promise<void> | undefined } => {
    let passed = 0;
    let killed: Promise<void> | undefined;
    const stream = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        passed += chunk.length;
        if (passed > (files * fileBytes) / 2) killed ??= kill();
        done(null, chunk);
      },
    });
    return { stream, killed: () => killed };
  };
  // tar ends at the archive's end mark, which may be before the end of its input.
  const tar = (args: readonly string[]): ChildProcess =>
    spawn('sh', ['-c', 'tar "$@" && cat', 'sh', ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const carry = async (from: ChildProcess, to: ChildProcess): Promise<void> => {
    const { stream, killed } = killInTheMiddle();
    const ends = Promise.all([ended(from), ended(to)]);
    if (from.stdout === null || to.stdin === null) throw new Error('Both have pipes.');
    from.stdin?.end();
    to.stdout?.resume();
    await pipeline(from.stdout, stream, to.stdin);
    expect(await ends).toEqual([0, 0]);
    expect(killed()).toBeDefined();
    await killed();
  };

  test('carries 500 MiB in both directions over cuts and the death of the agent, to the byte', async () => {
    const [source, back] = ['source', 'back'].map((name) => join(dir, name)) as [string, string];
    for (const place of [source, back]) mkdirSync(place);
    for (let index = 0; index < files; index++) writeFileSync(join(source, `file ${index}`), randomBytes(fileBytes));
    const makePlace = [cliProgram, 'exec', '-a', home.address, '--plaintext', '--', 'mktemp', '-d'];
    const made = execFileSync(process.execPath, makePlace, { env: cliEnvironment(dir), encoding: 'utf8' });
    const place = made.trim();
    const whole = hashes(source);

    await carry(tar(['cf', '-', '-C', source, '.']), exec(['-i'], ['tar', 'xf', '-', '-C', place]));
    expect(hashes(place)).toBe(whole);
    const cutsUp = proxy.cuts;
    await carry(exec([], ['tar', 'cf', '-', '-C', place, '.']), tar(['xf', '-', '-C', back]));
    expect(hashes(back)).toBe(whole);
    rmSync(place, { recursive: true });
    const cutsDown = proxy.cuts - cutsUp;
    process.stdout.write(`500 MiB each way, hashes equal: ${cutsUp} cuts up, ${cutsDown} cuts down, 1 SIGKILL each\n`);
    expect([cutsUp, cutsDown].every((cuts) => cuts > 0)).toBe(true);
  });
});
