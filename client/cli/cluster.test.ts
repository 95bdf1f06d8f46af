import { readFileSync, symlinkSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { nodeServerName } from '#common/node-server-name.js';
import { createTestAuthority } from '#test/support/agent/test-authority.js';
import { createTestCertificate } from '#test/support/agent/certificate.js';
import { startSilentServer } from '#test/support/black-holes.js';
import {
  cliEnvironment,
  cliProgram,
  runCliProcess,
  startCliUser,
  type CliResult,
  type CliUser,
} from '#test/support/cli-user.js';
import {
  createFakeKubectl,
  type FakeClusterState,
  type FakeKubectl,
  type FakePod,
} from '#test/support/fake-kubectl.js';
import { startRunningNode, type RunningNode } from '#test/support/node/running-node.js';
import { createShellPanel } from '#test/support/panels/shell-panel.js';
import { waitFor } from '#test/support/wait-for.js';
import { createEchoPanel } from '#worker/panels/echo/echo.js';

const ctrlRightBracket = '\x1d';

// Real processes and connections, on machines that may be busy.
jest.setTimeout(60_000);

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('the CLI with a cluster', () => {
  let home: string;
  let env: Record<string, string>;
  let node: RunningNode;
  let kubectl: FakeKubectl;
  let users: CliUser[];
  const podA = (): FakePod => ({ name: 'agent-1', uid: 'u1', node: 'node-a', port: node.port });
  const cluster = (state: Partial<FakeClusterState> = {}): void =>
    kubectl.set({ pods: [podA()], token: 'made-by-kubectl', ...state });
  const user = (...args: string[]): CliUser => {
    const started = startCliUser(args, env);
    users.push(started);
    return started;
  };
  const cli = (...args: string[]): Promise<CliResult> => runCliProcess(args, { env });
  /** The only session of the node. */
  const sessionId = async (): Promise<string> => (await node.worker('terminal').sessions())[0]?.sessionId ?? '';
  const noForwardIsLeft = (): Promise<void> =>
    waitFor('every port-forward ends', () => kubectl.forwards().every((pid) => !isRunning(pid)));

  beforeEach(async () => {
    users = [];
    home = await mkdtemp(join(tmpdir(), 'panelet-cli-'));
    node = await startRunningNode({
      panels: [createShellPanel(), createEchoPanel()],
      tokens: ['made-by-kubectl'],
    });
    kubectl = createFakeKubectl();
    env = cliEnvironment(home);
    env['PATH'] = `${kubectl.directory}:${env['PATH'] ?? ''}`;
    cluster();
  });
  afterEach(async () => {
    for (const started of users) started.close();
    await node.close();
    await noForwardIsLeft();
    kubectl.close();
    await rm(home, { recursive: true, force: true });
  });

  describe('attach --node', () => {
    test('goes through a port-forward with a token of kubectl, and leaves no kubectl behind', async () => {
      const result = await runCliProcess(['attach', '--node', 'node-a', '--plaintext', 'echo'], {
        env,
        input: 'one\ntwo\n',
      });
      expect(result).toEqual({ code: 0, stdout: 'one\ntwo\n', stderr: '' });
      expect(kubectl.forwards()).toHaveLength(1);
      await noForwardIsLeft();
    });

    test('finds the replacement of the pod, and goes on with the same session', async () => {
      const person = user('attach', '--node', 'node-a', '--plaintext');
      await person.sees('$ ');
      person.type('before\r');
      await person.sees('you said: before');
      kubectl.set({ pods: [], token: 'made-by-kubectl' });
      await node.kill();
      person.type('meanwhile\r');
      await node.listen();
      cluster({ pods: [{ ...podA(), name: 'agent-2', uid: 'u2' }] });
      await person.sees('you said: meanwhile');
      expect(await node.worker('terminal').sessions()).toHaveLength(1);
      expect(kubectl.forwards().length).toBeGreaterThan(1);
      person.type('exit 7\r');
      expect(await person.exit).toBe(7);
      await noForwardIsLeft();
    });

    test('opens another port-forward when kubectl is killed', async () => {
      const person = user('attach', '--node', 'node-a', '--plaintext');
      await person.sees('$ ');
      for (const pid of kubectl.forwards()) process.kill(pid, 'SIGKILL');
      person.type('again\r');
      await person.sees('you said: again');
      expect(kubectl.forwards()).toHaveLength(2);
    });

    test.each(['SIGTERM', 'SIGHUP', 'SIGKILL'])('leaves no kubectl behind after %s', async (signal) => {
      const person = user('attach', '--node', 'node-a', '--plaintext');
      await person.sees('$ ');
      expect(kubectl.forwards().filter(isRunning)).toHaveLength(1);
      person.signal(signal);
      await person.exit;
      await noForwardIsLeft();
    });

    test('comes back to a detached session by its node, in another process', async () => {
      const person = user('attach', '--node', 'node-a', '--plaintext');
      await person.sees('$ ');
      person.type(`${ctrlRightBracket}d`);
      expect(await person.exit).toBe(0);
      const [file] = await readdir(join(home, 'state', 'panelet', 'sessions'));
      const saved = JSON.parse(
        await readFile(join(home, 'state', 'panelet', 'sessions', file ?? ''), 'utf8'),
      ) as object;
      expect(saved).toMatchObject({ node: 'node-a', cluster: { namespace: 'panelet-system' } });
      expect(saved).not.toHaveProperty('address');
      const again = user('attach', '--resume', '--plaintext');
      await again.sees('$ ');
      again.type('exit 3\r');
      expect(await again.exit).toBe(3);
    });

    test('--via address goes straight to the pod', async () => {
      const result = await cli('ls', '--node', 'node-a', '--via', 'address', '--plaintext', '-o', 'json');
      expect(JSON.parse(result.stdout)).toMatchObject({ node: 'node-a' });
      expect(kubectl.forwards()).toEqual([]);
    });

    test.each(['ls', 'gate'])(
      '--via address goes on to the pod that replaces one that gives no answer (%s)',
      async (command) => {
        const gone = await startSilentServer();
        const port = Number(gone.address.split(':')[1]);
        cluster({ pods: [{ ...podA(), name: 'agent-0', uid: 'u0', port }] });
        const running = cli(command, '--node', 'node-a', '--via', 'address', '--plaintext', '-o', 'json');
        await waitFor('the pod that has gone is tried', () => gone.taken() > 0);
        cluster();
        const { stdout, stderr } = await running;
        // Its user is no operator.
        if (command === 'gate') expect(stderr).toMatch(/may not get gates/);
        else expect(JSON.parse(stdout)).toMatchObject({ node: 'node-a' });
        await gone.close();
      },
    );

    describe('of a pod that says that it is reached at its address, on this machine', () => {
      beforeEach(() => cluster({ pods: [{ ...podA(), via: 'address' }] }));

      test('goes there, in plaintext where the cluster has no authorities', async () => {
        const result = await runCliProcess(['attach', '--node', 'node-a', 'echo'], { env, input: 'one\n' });
        expect(result).toEqual({ code: 0, stdout: 'one\n', stderr: '' });
        expect(kubectl.forwards()).toEqual([]);
      });

      test('goes through a port-forward all the same when told to, and then never without TLS', async () => {
        const { code, stderr } = await cli('ls', '--node', 'node-a', '--via', 'port-forward');
        expect(code).not.toBe(0);
        expect(stderr).toMatch(/ConfigMap panelet-ca .* is not there, so agents cannot be verified/);
      });

      test('does not speak plaintext to another machine', async () => {
        cluster({ pods: [{ ...podA(), via: 'address', ip: '192.0.2.1' }] });
        expect((await cli('ls', '--node', 'node-a')).stderr).toMatch(/agents cannot be verified/);
      });

      test('speaks TLS where there are authorities, or where it is asked for', async () => {
        const { pem } = await createTestAuthority('panelet');
        const asked = await cli('ls', '--node', 'node-a', '--tls');
        expect(asked.stderr).toMatch(/agents cannot be verified/);
        cluster({ pods: [{ ...podA(), via: 'address' }], ca: pem });
        expect((await cli('ls', '--node', 'node-a')).code).toBe(5);
      });
    });
  });

  test('says what is wrong where nothing listens in the pod', async () => {
    await node.kill();
    const result = await cli('ls', '--node', 'node-a', '--plaintext');
    expect(result.stderr).toMatch(
      /agent of the node node-a cannot be reached: nothing listens on port \d+ of localhost in/,
    );
    expect(result.code).toBe(5);
  });

  test('verifies agents by the authorities of the cluster, and takes up others with the next pod', async () => {
    const files = await createTestCertificate('first');
    const secure = await startRunningNode({
      panels: [createShellPanel()],
      tokens: ['made-by-kubectl'],
      tls: { certFile: files.certFile, keyFile: files.keyFile },
    });
    const serve = async (uid: string): Promise<void> =>
      kubectl.set({
        pods: [{ ...podA(), name: `agent-${uid}`, uid, port: secure.port }],
        token: 'made-by-kubectl',
        ca: await readFile(files.certFile, 'utf8'),
      });
    await serve('u1');
    const person = user('attach', '--node', 'node-a', '--server-name', 'localhost');
    await person.sees('$ ');
    await secure.kill();
    await files.renew('second');
    await secure.reload();
    await secure.listen();
    await serve('u2');
    person.type('still here\r');
    await person.sees('you said: still here');
    person.close();
    await secure.close();
    await files.close();
  });

  test.each([
    ['of the node that is asked for', 'node-a', 0],
    ['of another node, which any pod could lead to', 'node-b', 5],
  ])('takes an agent with the certificate %s for it: %s ends with %d', async (_whose, node, code) => {
    const authority = await createTestAuthority('panelet');
    const { key, cert } = await authority.issue({
      subject: [{ CN: ['agent'] }],
      hosts: ['panelet-agent', nodeServerName(node)],
    });
    const files = { certFile: join(home, 'cert.pem'), keyFile: join(home, 'key.pem') };
    await Promise.all([writeFile(files.certFile, cert), writeFile(files.keyFile, key)]);
    const secure = await startRunningNode({
      panels: [createShellPanel()],
      tokens: ['made-by-kubectl'],
      tls: files,
    });
    const pods = [{ ...podA(), port: secure.port }];
    kubectl.set({ pods, token: 'made-by-kubectl', ca: authority.pem });
    const { code: ended, stderr } = await cli('ls', '--node', 'node-a');
    expect(ended).toBe(code);
    if (code !== 0) expect(stderr).toMatch(/certificate is for another name/);
    await secure.close();
  });

  describe('a session whose node is not known', () => {
    let other: RunningNode;
    beforeEach(async () => {
      other = await startRunningNode({ panels: [createEchoPanel()], tokens: ['made-by-kubectl'] });
      cluster({ pods: [podA(), { name: 'agent-b', uid: 'u9', node: 'node-b', port: other.port }] });
    });
    afterEach(() => other.close());

    test('is looked for on every node, and its node is said and remembered', async () => {
      const person = user('attach', '--node', 'node-a', '--plaintext');
      await person.sees('$ ');
      person.type(`${ctrlRightBracket}d`);
      expect(await person.exit).toBe(0);
      const dir = join(home, 'state', 'panelet', 'sessions');
      const file = join(dir, (await readdir(dir))[0] ?? '');
      const saved = JSON.parse(await readFile(file, 'utf8')) as { sessionId: string };
      await writeFile(file, JSON.stringify({ ...saved, node: '' }));
      const again = user('attach', '--session', saved.sessionId, '--plaintext');
      await again.sees('$ ');
      expect(again.raw).toContain(`the session ${saved.sessionId} is on the node node-a`);
      await waitFor('the node is remembered', () => readFileSync(file, 'utf8').includes('"node":"node-a"'));
    });

    test('without its token it is told where it is, and why that is not enough', async () => {
      const person = user('attach', '--node', 'node-a', '--plaintext');
      await person.sees('$ ');
      const id = await sessionId();
      env['XDG_STATE_HOME'] = join(home, 'elsewhere');
      const result = await cli('attach', '--session', id, '-n', 'panelet-system', '--plaintext');
      expect(result.stderr).toMatch(/is on the node node-a, but its resume token is not here/);
      expect(result.code).toBe(4);
    });

    test('is ended by its id alone', async () => {
      const person = user('attach', '--node', 'node-a', '--plaintext');
      await person.sees('$ ');
      const id = await sessionId();
      expect((await cli('end', id, '-n', 'panelet-system', '--plaintext')).code).toBe(0);
      expect(await person.exit).toBe(6);
      expect(person.raw).toContain('The session was ended by alice.');
    });

    test('is ended by the beginning of its id, found on whichever node it is', async () => {
      const person = user('attach', '--node', 'node-a', '--plaintext');
      await person.sees('$ ');
      const id = await sessionId();
      // The node with the session is the last that is listed.
      cluster({ pods: [{ name: 'agent-b', uid: 'u9', node: 'node-0', port: other.port }, podA()] });
      const ended = await cli('end', id.slice(0, 8), '-n', 'panelet-system', '--plaintext', '-o', 'json');
      expect(ended.code).toBe(0);
      expect(JSON.parse(ended.stdout)).toEqual({ ended: id });
      expect(await person.exit).toBe(6);
    });

    test('is not ended by the beginning of its id while a node is silent', async () => {
      const person = user('attach', '--node', 'node-a', '--plaintext');
      await person.sees('$ ');
      const id = await sessionId();
      await other.close();
      const refused = await cli('end', id.slice(0, 8), '-n', 'panelet-system', '--plaintext');
      expect(refused).toMatchObject({
        code: 5,
        stderr: expect.stringMatching(
          /No answer from node-b, where another session may begin with .{8}\. Give the whole session id\./,
        ) as unknown,
      });
      expect(await sessionId()).toBe(id);
      expect((await cli('end', id, '-n', 'panelet-system', '--plaintext')).code).toBe(0);
      expect(await person.exit).toBe(6);
    });

    test('sessions lists all nodes, and says which did not answer', async () => {
      const person = user('attach', '--node', 'node-a', '--plaintext');
      await person.sees('$ ');
      const both = await cli('sessions', '-n', 'panelet-system', '--plaintext', '-o', 'json');
      expect(JSON.parse(both.stdout)).toMatchObject({ sessions: [{ panel: 'terminal' }], unanswered: [] });
      await other.close();
      const one = await cli('sessions', '-n', 'panelet-system', '--plaintext', '-o', 'json');
      expect(JSON.parse(one.stdout)).toMatchObject({ sessions: [{}], unanswered: [{ node: 'node-b' }] });
      expect(one.stderr).toMatch(/the node node-b did not answer/);
      expect(one.code).toBe(5);
    });

    test('a new session needs a node where there are several', async () => {
      const result = await cli('attach', '-n', 'panelet-system', '--plaintext');
      expect(result).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/agents run on node-a, node-b/) as unknown,
      });
    });
  });

  describe('as a plugin of kubectl', () => {
    const plugin = (program: string, ...args: string[]): Promise<CliResult> => {
      const link = join(home, program);
      symlinkSync(cliProgram, link);
      return runCliProcess(args, { env, program: link });
    };

    test('finds the only agent by itself, and never looks at this machine', async () => {
      env['PANELET_ADDRESS'] = '127.0.0.1:9';
      const result = await plugin('kubectl-panelet', 'ls', '--plaintext', '-o', 'json', '--context', 'c');
      expect(JSON.parse(result.stdout)).toMatchObject({ node: 'node-a' });
      expect(kubectl.calls().every((call) => call.endsWith('--context c'))).toBe(true);
    });

    test('names itself as the user calls it', async () => {
      expect((await plugin('kubectl-panelet', '--help')).stdout).toMatch(/^Usage: kubectl panelet \[options\]/);
    });

    test('completes nodes and restarts for kubectl, and is silent when it cannot', async () => {
      cluster({ answers: { 'get panelrestarts': 'first\nsecond\n' } });
      const nodes = await plugin('kubectl_complete-panelet', 'attach', '--node', '');
      expect(nodes).toEqual({ code: 0, stdout: 'node-a\n:4\n', stderr: '' });
      expect((await cli('__complete', 'abort', 's')).stdout).toBe('second\n:4\n');
      cluster({ answers: { get: '!error: no' } });
      expect(await cli('__complete', 'abort', '')).toEqual({ code: 0, stdout: ':4\n', stderr: '' });
    });
  });

  describe('restarts', () => {
    const done = { phase: 'Succeeded', completionTime: 't', conditions: [{ type: 'Succeeded', message: '2 pods.' }] };

    test('plan makes a dry run, shows its answer, and takes it away', async () => {
      cluster({
        answers: {
          create: 'panelrestart.panelet.dev/plan-x\n',
          'get panelrestart plan-x': `${JSON.stringify({ phase: 'Pending' })}\n${JSON.stringify(done)}\n`,
          'delete panelrestart plan-x -n panelet-system --ignore-not-found --wait=false': 'deleted',
        },
      });
      expect(await cli('plan', 'ds/panelet-host')).toEqual({ code: 0, stdout: '2 pods.\n', stderr: '' });
      expect(kubectl.calls().at(-1)).toMatch(/^delete panelrestart plan-x /);
    });

    test('plan takes it away also when nobody answers', async () => {
      cluster({
        answers: { create: 'panelrestart.panelet.dev/plan-x\n', 'get panelrestart': '!error: gone', delete: 'deleted' },
      });
      expect((await cli('plan')).code).toBe(1);
      expect(kubectl.calls().at(-1)).toMatch(/^delete /);
    });

    describe('a switch of a restart', () => {
      const restart = (spec: object, status: object): string =>
        JSON.stringify({ metadata: { name: 'first', namespace: 'n', generation: 2 }, spec, status });
      const ended = { phase: 'Succeeded', completionTime: '2026-01-02T03:04:05Z', observedGeneration: 2 };
      /** A cluster in which the restart was `before`, and is at `status` once the controller has seen the patch. */
      const switchable = (before: string, status: object): void =>
        cluster({
          answers: {
            'get panelrestart first -n n -o json': before,
            patch: before,
            'get panelrestart first -n n -w': `{"phase":"Running","observedGeneration":1}\n${JSON.stringify(status)}\n`,
          },
        });
      const patches = (): readonly string[] => kubectl.calls().filter((line) => line.startsWith('patch'));

      test.each([
        ['pause', { paused: false }, 'Paused', '{"spec":{"paused":true}}', /^The restart first starts no further pod/],
        [
          'resume',
          { paused: true },
          'Running',
          '{"spec":{"paused":false}}',
          /^The restart first goes on\. It is Running/,
        ],
        ['abort', {}, 'Stopping', '{"spec":{"abort":true}}', /^The restart first is being called off\. It is Stopping/],
        ['abort', {}, 'Aborted', '{"spec":{"abort":true}}', /^The restart first is called off\. What it cordoned/],
      ])(
        '%s of %j says that it is %s, once the controller has done it',
        async (...[kind, spec, phase, patch, line]) => {
          switchable(restart(spec, { phase: 'Running' }), { phase, observedGeneration: 2 });
          const { code, stdout } = await cli(kind, 'first', '-n', 'n');
          expect([code, stdout]).toEqual([0, expect.stringMatching(line)]);
          expect(patches()).toEqual([`patch panelrestart first -n n --type merge -o json -p ${patch}`]);
        },
      );

      test.each(['pause', 'resume', 'abort'])(
        '%s is too late for one that is over: 8, and nothing is done',
        async (kind) => {
          switchable(restart({ paused: true }, ended), ended);
          const { code, stdout, stderr } = await cli(kind, 'first', '-n', 'n');
          expect([code, stdout]).toEqual([8, '']);
          expect(stderr).toMatch(
            /^panelet: The restart first cannot be \S.*: it ended as Succeeded at 2026-01-02T03:04:05Z\.\n$/,
          );
          expect(patches()).toEqual([]);
        },
      );

      test('is too late also where the restart ends between two looks, or is being called off', async () => {
        switchable(restart({}, { phase: 'Running' }), ended);
        expect(await cli('abort', 'first', '-n', 'n')).toMatchObject({ code: 8, stdout: '' });
        switchable(restart({ abort: true, paused: true }, { phase: 'Stopping' }), ended);
        expect(await cli('resume', 'first', '-n', 'n')).toMatchObject({
          code: 8,
          stderr: expect.stringContaining('it is being called off'),
        });
      });

      test.each([
        ['pause', { paused: true }, 'The restart first was paused before.\n'],
        ['resume', {}, 'The restart first was not paused.\n'],
        ['abort', { abort: true }, 'The restart first is being called off already.\n'],
      ])('%s of %j changes nothing', async (kind, spec, stdout) => {
        switchable(restart(spec, { phase: 'Running' }), {});
        expect(await cli(kind, 'first', '-n', 'n')).toEqual({ code: 0, stdout, stderr: '' });
        expect(patches()).toEqual([]);
      });
    });
  });

  describe('with wrong input', () => {
    const refused = '!Error from server (Forbidden): pods is forbidden: User "bob" cannot list resource "pods"';
    const wrong: [string, Partial<FakeClusterState>, string[], number, RegExp][] = [
      ['no such node', {}, ['ls', '--node', 'nowhere'], 4, /The cluster has no node nowhere\. Agents run on: node-a/],
      ['no agents', { pods: [] }, ['ls', '-n', 'other'], 4, /No agent runs in the namespace other/],
      ['no right to make tokens', { token: '' }, ['ls', '--node', 'node-a'], 3, /lacks the right to create service/],
      ['no right to see pods', { answers: { 'get pods': refused } }, ['ls', '--node', 'node-a'], 3, /cannot list/],
      ['no authorities', {}, ['ls', '--node', 'node-a'], 4, /panelet-ca in the namespace panelet-system is not there/],
      ['two ways', {}, ['ls', '--node', 'a', '-a', '127.0.0.1:1'], 2, /--address excludes --node/],
      ['no such way', {}, ['ls', '--via', 'pigeon'], 2, /Allowed choices are port-forward, address/],
      ['no such target', {}, ['plan', 'deployment/x'], 2, /"deployment\/x" is not a DaemonSet/],
      [
        'no such restart',
        { answers: { 'get panelrestart': '!Error from server (NotFound): x' } },
        ['pause', 'x'],
        4,
        /Check the name/,
      ],
      ['no such shell', {}, ['completion', 'tcsh'], 2, /Allowed choices are bash, zsh, fish/],
    ];
    test.each(wrong)('%s: one line that says what to do', async (...[, state, args, code, line]) => {
      const { token, ...others } = state;
      cluster(others);
      if (token === '') kubectl.set({ pods: [podA()], ca: '-----BEGIN CERTIFICATE-----' });
      const result = await cli(...args);
      expect(result.stderr).toMatch(line);
      expect(result.stdout).toBe('');
      expect(result.code).toBe(code);
    });
  });
});
