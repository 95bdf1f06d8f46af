import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { until } from '#test/support/conditions.js';
import { cliEnvironment, runCliProcess, startCliUser, type CliResult, type CliUser } from '#test/support/cli-user.js';
import {
  createFakeKubectl,
  type FakeClusterState,
  type FakeKubectl,
  type FakePod,
} from '#test/support/fake-kubectl.js';
import { createEchoFake, createShellFake } from '#test/support/fake-panels.js';
import { startFakeWorker, type FakeWorker } from '#test/support/fake-worker.js';

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
  let worker: FakeWorker;
  let kubectl: FakeKubectl;
  let users: CliUser[];
  const podA = (): FakePod => ({ name: 'agent-1', uid: 'u1', node: 'node-a', port: worker.port });
  const cluster = (state: Partial<FakeClusterState> = {}): void =>
    kubectl.set({ pods: [podA()], token: 'made-by-kubectl', ...state });
  const user = (...args: string[]): CliUser => {
    const started = startCliUser(args, env);
    users.push(started);
    return started;
  };
  const cli = (...args: string[]): Promise<CliResult> => runCliProcess(args, { env });
  const noForwardIsLeft = (): Promise<void> =>
    until(() => kubectl.forwards().every((pid) => !isRunning(pid)), 'every port-forward ends');

  beforeEach(async () => {
    users = [];
    home = await mkdtemp(join(tmpdir(), 'panelet-cli-'));
    worker = await startFakeWorker({ panels: { terminal: createShellFake, echo: createEchoFake } });
    kubectl = createFakeKubectl();
    env = cliEnvironment(home);
    env['PATH'] = `${kubectl.directory}:${env['PATH'] ?? ''}`;
    cluster();
  });
  afterEach(async () => {
    for (const started of users) started.close();
    await worker.close();
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
      expect(worker.authorization).toBe('Bearer made-by-kubectl');
      expect(kubectl.forwards()).toHaveLength(1);
      await noForwardIsLeft();
    });

    test('finds the replacement of the pod, and goes on with the same session', async () => {
      const person = user('attach', '--node', 'node-a', '--plaintext');
      await person.sees('$ ');
      person.type('before\r');
      await person.sees('you said: before');
      kubectl.set({ pods: [], token: 'x' });
      await worker.kill();
      person.type('meanwhile\r');
      await worker.listen();
      cluster({ pods: [{ ...podA(), name: 'agent-2', uid: 'u2' }] });
      await person.sees('you said: meanwhile');
      expect(worker.sessions.size).toBe(1);
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
      expect(saved).toMatchObject({ node: 'node-a', cluster: { namespace: 'panelet-system', via: 'port-forward' } });
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
  });
});
