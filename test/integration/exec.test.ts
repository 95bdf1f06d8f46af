import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createPaneletClient } from '#client/sdk.js';
import {
  builtPrograms,
  createAgentHome,
  type AgentHome,
  type AgentProcess,
} from '#test/support/agent/running-agent.js';
import { waitFor } from '#test/support/wait-for.js';
import { cliEnvironment, cliProgram, runCliProcess, startCliUser, type CliResult } from '#test/support/cli-user.js';

jest.setTimeout(120_000);

// Each owner has a uid of his own then.
const isRoot = process.getuid?.() === 0;

interface Ended {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

interface ExecOptions {
  readonly flags?: readonly string[];
  /** Bytes, or an open file. @default nothing */
  readonly stdin?: Uint8Array | string | number;
  readonly env?: Record<string, string>;
  /** Called with all of the output so far. */
  readonly onStdout?: (bytes: number, signal: (name: NodeJS.Signals) => void) => void;
}

describe('panelet exec', () => {
  let home: AgentHome;
  let agent: AgentProcess;
  let dir: string;
  let stateDir: string;

  const exec = (command: readonly string[], { flags = [], stdin, env, onStdout }: ExecOptions = {}): Promise<Ended> => {
    const args = [cliProgram, 'exec', '-a', home.address, '--plaintext', ...flags, '--', ...command];
    const stdio = [typeof stdin === 'number' ? stdin : 'pipe', 'pipe', 'pipe'] as const;
    const child = spawn(process.execPath, args, { env: cliEnvironment(dir, env), stdio: [...stdio] });
    const out: Buffer[] = [];
    let size = 0;
    let stderr = '';
    child.stdout?.on('data', (bytes: Buffer) => {
      out.push(bytes);
      size += bytes.length;
      onStdout?.(size, (name) => void child.kill(name));
    });
    child.stderr?.on('data', (bytes: Buffer) => (stderr += bytes.toString()));
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(stdin);
    return new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout: Buffer.concat(out), stderr })));
  };
  const sh = (script: string, options?: ExecOptions): Promise<Ended> => exec(['sh', '-c', script], options);
  const withInput = (stdin: Uint8Array | string | number): ExecOptions => ({ flags: ['-i'], stdin });
  const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
  const isRunning = (argument: string): boolean =>
    readdirSync('/proc').some((pid) => {
      try {
        return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(argument);
      } catch {
        return false;
      }
    });

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'panelet-exec-'));
    home = createAgentHome(builtPrograms);
    // Of its own: with an owner's last session, all processes of a uid end on the whole machine.
    const uids = JSON.stringify({ first: 110_000, count: 10 });
    const parameters = { parameters: isRoot ? { uids } : { allowSameUser: 'true' } };
    // Directly in /tmp: owners must be able to pass, and those of the tests are closed.
    stateDir = mkdtempSync('/tmp/pe-');
    home.configure({
      stateDir,
      workerCommand: [process.execPath, builtPrograms.worker],
      panels: [{ name: 'terminal', target: 'host', ...parameters }],
    });
    agent = await home.start();
  });
  afterAll(() => {
    home.remove();
    for (const left of [dir, stateDir]) rmSync(left, { recursive: true, force: true });
  });

  const oneLiners: [string, string, ExecOptions, { code?: number; stdout?: string; stderr?: string }][] = [
    ['a line longer than a terminal takes', 'wc -c', withInput(`${'a'.repeat(10_000)}\ntail\n`), { stdout: '10006\n' }],
    ['no input without --stdin', 'cat; echo end', { stdin: 'ignored' }, { stdout: 'end\n' }],
    ['empty input', 'wc -c', withInput(''), { stdout: '0\n' }],
    ['both streams', 'echo out; echo err >&2', {}, { stdout: 'out\n', stderr: 'err\n' }],
    ['nothing at all', ':', {}, {}],
    ['an exit code', 'exit 42', {}, { code: 42 }],
    ['the largest exit code', 'exit 255', {}, { code: 255 }],
    ['an exit code that looks like a signal', 'exit 137', {}, { code: 137 }],
    ['a signal', 'kill -TERM $$', {}, { code: 143 }],
    ['a signal that nobody can catch', 'kill -KILL $$', {}, { code: 137 }],
    ['a crash', 'ulimit -c 0; kill -SEGV $$', {}, { code: 139 }],
    ['a pipeline', 'seq 1000 | tail -1; false | true', {}, { stdout: '1000\n' }],
    ['no line end at the end', 'printf x', {}, { stdout: 'x' }],
    ['CR and LF as they are', 'printf "a\\r\\nb\\n"', {}, { stdout: 'a\r\nb\n' }],
    ['no terminal', 'test -t 0 || test -t 1 || test -t 2 || echo none', {}, { stdout: 'none\n' }],
    ['streams by name', 'cat /dev/stdin >/dev/stderr', withInput('named\n'), { stderr: 'named\n' }],
    ['input that is not read', 'exit 3', withInput('x'.repeat(1_000_000)), { code: 3 }],
    ['a reader that leaves early', 'yes | head -1', {}, { stdout: 'y\n' }],
    ['what the background writes', '(sleep 0.2; echo late) & echo first', {}, { stdout: 'first\nlate\n' }],
    ['a variable', 'echo "$A"', { flags: ['-e', 'A=b c=d'] }, { stdout: 'b c=d\n' }],
    ['a variable from here', 'echo "$A"', { flags: ['-e', 'A'], env: { A: 'here' } }, { stdout: 'here\n' }],
    ['two variables', 'echo $A$B', { flags: ['-e', 'A=1', '--env', 'B=2'] }, { stdout: '12\n' }],
    ['a directory', 'pwd', { flags: ['-w', '/usr'] }, { stdout: '/usr\n' }],
    ['time enough', 'echo done', { flags: ['--timeout', '60s'] }, { stdout: 'done\n' }],
  ];
  test.each(oneLiners)('%s', async (_name, script, options, expected) => {
    const { code, stdout, stderr } = await sh(script, options);
    expect({ code, stdout: stdout.toString(), stderr }).toEqual({ code: 0, stdout: '', stderr: '', ...expected });
  });

  test('ends with 127, as a shell does, when there is no such program', async () => {
    for (const flags of [[], ['-t']]) {
      const { code, stderr } = await exec(['no-such-program'], { flags });
      expect(code).toBe(127);
      expect(stderr).toContain('There is no program "no-such-program" here');
    }
  });

  test('passes every byte, in both directions', async () => {
    const every = Buffer.from(Array.from({ length: 65_536 }, (_, index) => (index % 251) ^ (index >> 8)));
    const bytes = Buffer.concat([every, randomBytes(3_000_000)]);
    const { code, stdout } = await exec(['cat'], withInput(bytes));
    expect([code, sha256(stdout)]).toEqual([0, sha256(bytes)]);
  });

  test('reads a file, and /dev/null', async () => {
    const file = join(dir, 'input');
    writeFileSync(file, randomBytes(200_000));
    for (const path of [file, '/dev/null']) {
      const fd = openSync(path, 'r');
      const { stdout } = await exec(['sha256sum'], withInput(fd));
      closeSync(fd);
      expect(stdout.toString()).toBe(`${sha256(readFileSync(path))}  -\n`);
    }
  });

  test('says that its own input cannot be read, and does not let the command take it for the end', async () => {
    const fd = openSync(join(dir, 'written only'), 'w');
    const { code, stdout, stderr } = await sh('cat >/dev/null; echo complete', withInput(fd));
    closeSync(fd);
    expect(code).toBe(1);
    expect(stdout.toString()).toBe('');
    expect(stderr).toContain('Standard input could not be read to its end');
  });

  test('ends a command that takes too long, and everything that it started', async () => {
    const { code, stderr } = await sh('trap "" TERM; sleep 7654.25', { flags: ['--timeout', '300ms'] });
    expect(code).toBe(124);
    expect(stderr).toBe('panelet: the command took longer than 0.3 s and is ended\n');
    await waitFor('nothing is left', () => !isRunning('7654.25'));
  });

  test.each([['without input'], ['at the end of its input']])(
    'asks a command %s to end when its time is over',
    async (which) => {
      const more = which === 'without input' ? [] : ['-i'];
      const script = 'trap "echo asked; exit 0" TERM; cat; sleep 7654.75 & wait';
      const { code, stdout } = await sh(script, { flags: ['--timeout', '2s', ...more] });
      expect([code, stdout.toString()]).toEqual([124, 'asked\n']);
    },
  );

  test.each([
    ['that nobody reads any more', 'closed', 'yes', 141],
    ['on a full disk', 'full', 'yes', 1],
    ['on a full disk, of a command that does not mind', 'full', 'echo lost', 1],
  ] as const)('does not go on for errors %s', async (_name, where, command, expected) => {
    const stderr = where === 'full' ? openSync('/dev/full', 'w') : 'pipe';
    const args = [cliProgram, 'exec', '-a', home.address, '--plaintext', '--', 'sh', '-c', `${command} >&2`];
    const child = spawn(process.execPath, args, { env: cliEnvironment(dir), stdio: ['ignore', 'pipe', stderr] });
    child.stdout?.resume();
    child.stderr?.once('data', () => child.stderr?.destroy());
    const code = await new Promise((resolve) => child.on('exit', resolve));
    if (typeof stderr === 'number') closeSync(stderr);
    expect(code).toBe(expected);
  });

  test('says that a directory is no input', async () => {
    const fd = openSync(dir, 'r');
    const { code, stdout, stderr } = await sh('cat >/dev/null; echo complete', withInput(fd));
    closeSync(fd);
    expect([code, stdout.toString()]).toEqual([1, '']);
    expect(stderr).toContain('Standard input could not be read to its end (EISDIR');
  });

  test('ends the command when it is interrupted', async () => {
    const { code } = await sh('echo ready; sleep 7654.5', { onStdout: (_bytes, signal) => signal('SIGINT') });
    expect(code).toBe(130);
    await waitFor('nothing is left', () => !isRunning('7654.5'));
  });

  test('refuses a name that cannot be a variable, or has no value here', async () => {
    expect(await sh(':', { flags: ['-e', '1A=x'] })).toMatchObject({ code: 2 });
    expect((await sh(':', { flags: ['-e', 'NO_SUCH'] })).stderr).toContain('not set here. Give it as NO_SUCH=VALUE');
  });

  test('on a terminal ends with it, without a word of Node', async () => {
    const said = join(dir, 'said');
    const file = join(dir, 'gone.sh');
    // The output is more than the terminal takes: something is being written when it goes.
    const cli = `${process.execPath} ${cliProgram} exec -a ${home.address} --plaintext -t -- sh -c 'yes & exec sleep 7654.125'`;
    writeFileSync(file, `trap "" HUP\n${cli} 2>${said}\necho $? >${said}.new\nmv ${said}.new ${said}.code\n`);
    const terminal = spawn('script', ['-qefc', `sh ${file}`, '/dev/null'], { env: cliEnvironment(dir) });
    let shown = '';
    terminal.stdout.on('data', (bytes: Buffer) => (shown = (shown + bytes.toString()).slice(-1000)));
    await waitFor('it runs', () => /y\s+y\s/.test(shown) && isRunning('7654.125'));
    terminal.kill('SIGKILL');
    await waitFor('the CLI has ended', () => existsSync(`${said}.code`));
    expect(readFileSync(`${said}.code`, 'utf8')).toBe('129\n');
    expect(readFileSync(said, 'utf8')).not.toMatch(/assert|stack/i);
    await waitFor('nothing is left', () => !isRunning('7654.125'));
  });

  test('on a terminal is ended by the detach keys, and says so: nobody could come back', async () => {
    const args = ['exec', '-a', home.address, '--plaintext', '-t', '--', 'sh', '-c', 'echo ready; sleep 7654.625'];
    const user = startCliUser(args, cliEnvironment(dir));
    await user.sees(/ctrl-\] d ends it\nready/);
    user.type('\x1dd');
    expect(await user.exit).toBe(129);
    await waitFor('nothing is left', () => !isRunning('7654.625'));
  });

  test('takes keys again on a terminal that was set otherwise while it was stopped', async () => {
    const file = join(dir, 'set');
    const before = `(until [ -e ${file} ]; do sleep 0.1; done; stty sane; touch ${file}.done) &`;
    const args = ['exec', '-a', home.address, '--plaintext', '-t', '--', 'sh', '-c', 'echo ready; sleep 7654.875'];
    const user = startCliUser(args, cliEnvironment(dir), before.replace(/&$/, '& :'));
    await user.sees('ready');
    user.signal('SIGSTOP');
    writeFileSync(file, '');
    await waitFor('the terminal is set', () => existsSync(`${file}.done`));
    user.signal('SIGCONT');
    await waitFor('the keys are read', () => {
      user.type('\x1dd');
      return !isRunning('7654.875');
    });
    expect(await user.exit).toBe(129);
  });

  test('goes on without a terminal where there is none, and says so', async () => {
    const { code, stdout, stderr } = await sh('test -t 0 || echo none', { flags: ['-t'] });
    expect([code, stdout.toString()]).toEqual([0, 'none\n']);
    expect(stderr).toBe('panelet: standard input is not a terminal; going on without --tty\n');
  });

  test('holds no descriptor of anybody', async () => {
    const shell = startCliUser(['attach', '-a', home.address, '--plaintext', '--', 'sh'], cliEnvironment(dir));
    await shell.sees('$ ');
    const { stdout } = await sh('ls -l /proc/self/fd | grep -c -- "->"');
    // Standard streams, and the directory that is read.
    expect(stdout.toString()).toBe('4\n');
    shell.close();
  });

  test('runs as its owner, with streams of his own', async () => {
    if (!isRoot) return;
    const { stdout } = await sh('id -u; stat -L -c %u /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2; echo $HOME');
    const [uid = '', ...rest] = stdout.toString().trim().split('\n');
    expect(Number(uid)).toBeGreaterThan(1000);
    expect(rest).toEqual([uid, uid, uid, expect.stringContaining(`/homes/${uid}`)]);
  });

  test('is two streams and an exit for the SDK', async () => {
    const client = createPaneletClient({ address: home.address });
    const script = 'cat; echo problem >&2; exit 9';
    const parameters = { command: 'sh', args: JSON.stringify(['-c', script]), tty: 'false' };
    const session = await client.open({ panel: 'terminal', parameters });
    const bytes = randomBytes(500_000);
    const [stdout, stderr, exit] = [buffer(session.stdout), text(session.stderr), session.exit];
    expect(() => session[Symbol.asyncIterator]()).toThrow('A session is iterated, or read by its streams, not both.');
    await session.write(bytes);
    await session.end();
    expect(sha256(await stdout)).toBe(sha256(bytes));
    expect(await stderr).toBe('problem\n');
    expect(await exit).toEqual({ code: 9, signal: undefined });
    await client.close();
  });

  test('says that the agent does not answer while it is stopped, and goes on when it is not', async () => {
    const args = ['exec', '-t', '-a', home.address, '--plaintext', '--', 'sh', '-c', 'echo ready; read line; exit 5'];
    const person = startCliUser(args, cliEnvironment(dir));
    await person.sees('ready');
    agent.child.kill('SIGSTOP');
    try {
      await person.sees('agent does not answer');
    } finally {
      agent.child.kill('SIGCONT');
    }
    await person.seesNo('agent does not answer');
    person.type('\r');
    expect(await person.exit).toBe(5);
    person.close();
  });

  test('shows no countdown for a drain that ends nothing, and the drain says what was not safe', async () => {
    const cli = (...args: string[]): Promise<CliResult> =>
      runCliProcess([...args, '-a', home.address, '--plaintext'], { env: cliEnvironment(dir) });
    let drained: Promise<CliResult> | undefined;
    const running = sh('echo ready; exec sleep 7654.15', {
      onStdout: (_bytes, signal) => {
        drained ??= cli('drain', '--target', 'host', '--timeout', '1s', '--notice', '0').finally(() =>
          signal('SIGINT'),
        );
      },
    });
    expect((await running).stderr).not.toContain('this session ends');
    expect(await drained).toMatchObject({
      code: 7,
      // Other tests may have left some.
      stdout: expect.stringMatching(/^The drain was called off with \d+ sessions? not safe\. The gate is SERVING\./m),
    });
  });

  test('says that a restart has ended the command by force, and who ended it otherwise', async () => {
    const client = createPaneletClient({ address: home.address });
    const cli = (...args: string[]): Promise<CliResult> =>
      runCliProcess([...args, '-a', home.address, '--plaintext'], { env: cliEnvironment(dir) });
    const drain = ['drain', '--target', 'host', '--on-timeout', 'force', '--timeout', '1s', '--notice', '0'];
    const forced = sh('echo ready; exec sleep 7654.25', { onStdout: () => void cli(...drain, '--reason', 'upgrade') });
    expect(await forced).toMatchObject({ code: 7, stderr: expect.stringContaining('A restart (upgrade) ended') });
    await waitFor('it serves again', async () => (await cli('uncordon', '--target', 'host')).code === 0);
    const endIt = async (): Promise<void> => {
      for (const { sessionId } of await client.listSessions()) await client.endSession(sessionId);
    };
    const ended = await sh('echo ready; exec sleep 7654.35', { onStdout: () => void endIt() });
    expect(ended).toMatchObject({ code: 6, stderr: expect.stringMatching(/The session was ended by \S+\.\n/) });
    await client.close();
  });

  test('leaves no process behind when its worker dies', async () => {
    const running = sh('echo ready; exec sleep 7654.75', {
      onStdout: () => {
        for (const { pid } of home.workers('terminal')) process.kill(pid, 'SIGKILL');
      },
    });
    expect((await running).code).toBe(6);
    await waitFor('nothing is left', () => !isRunning('7654.75'));
  });

  test('carries tar in both directions over the death of the agent, to the byte', async () => {
    const source = join(dir, 'source');
    mkdirSync(source);
    for (let index = 0; index < 16; index++) writeFileSync(join(source, `file ${index}`), randomBytes(1024 * 1024));
    const local = (args: readonly string[], stdin?: Uint8Array): Promise<Buffer> =>
      new Promise((resolve) => {
        const child = spawn('tar', args, { stdio: ['pipe', 'pipe', 'inherit'] });
        const out: Buffer[] = [];
        child.stdout.on('data', (bytes: Buffer) => out.push(bytes));
        child.on('close', () => resolve(Buffer.concat(out)));
        child.stdin.end(stdin);
      });
    const archive = await local(['cf', '-', '-C', source, '.']);
    const place = (await sh('mktemp -d')).stdout.toString().trim();
    const cut = async (): Promise<void> => {
      agent.child.kill('SIGKILL');
      await agent.exited;
      agent = await home.start();
    };
    const up = exec(
      ['sh', '-c', 'tee /proc/self/fd/2 2>"$1/sum" | tar xf - -C "$1"; sha256sum <"$1/sum"', 'sh', place],
      {
        flags: ['-i'],
        stdin: archive,
      },
    );
    // A session that is not there yet would only be told that the agent is away.
    await waitFor('the command runs', () => existsSync(join(place, 'sum')));
    await cut();
    const { code, stdout } = await up;
    expect([code, stdout.toString()]).toEqual([0, `${sha256(archive)}  -\n`]);
    let cuts = 0;
    let cutting: Promise<void> | undefined;
    const down = await exec(['tar', 'cf', '-', '-C', place, '--exclude=./sum', '.'], {
      onStdout: (bytes) => {
        if (bytes > 8_000_000 && cuts++ === 0) cutting = cut();
      },
    });
    await cutting;
    expect(down.code).toBe(0);
    const back = join(dir, 'back');
    mkdirSync(back);
    await local(['xf', '-', '-C', back], down.stdout);
    for (const name of readdirSync(source)) {
      expect(sha256(readFileSync(join(back, name)))).toBe(sha256(readFileSync(join(source, name))));
    }
    await exec(['rm', '-r', place]);
  });
});
