import { createHash, randomBytes } from 'node:crypto';
import { symlinkSync, mkdirSync, rmSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { findProcessesByEnvironment } from '#devcluster/launcher/proc-fs.js';
import { waitFor } from '#test/support/wait-for.js';
import { abandonRestarts, conditionOf, createRestart, restartIn } from './support/restarts.js';
import { runProgram, startProgram, type ProgramResult, type RunningProgram } from './support/run-program.js';
import { annotateRestart, openWorld, podUid, restartOver, type World } from './support/world.js';

let world: World;
let first: string;
let second: string;
let env: Readonly<Record<string, string>>;

beforeAll(async () => {
  world = await openWorld();
  await world.settled();
  [first = '', second = ''] = world.nodeNames();
  // As after `npm install -g`: the plugin on PATH under its two names, and a home of its own.
  const bin = join(world.env.workDir, 'bin');
  const home = join(world.env.workDir, 'home');
  for (const dir of [bin, home]) mkdirSync(dir, { recursive: true });
  for (const name of ['kubectl-panelet', 'kubectl_complete-panelet', 'panelet']) {
    rmSync(join(bin, name), { force: true });
    symlinkSync(join(world.env.root, 'dist/bin/panelet.js'), join(bin, name));
  }
  const path = [bin, dirname(world.env.kubectl), process.env['PATH'] ?? ''].join(delimiter);
  env = { PATH: path, HOME: home, KUBECONFIG: world.env.kubeconfig, XDG_STATE_HOME: home, XDG_CONFIG_HOME: home };
});
afterEach(async () => {
  await abandonRestarts(world);
  await world.settled();
});
afterAll(() => world.close());

/** `kubectl panelet …`, as a person types it. */
function panelet(args: readonly string[], input = ''): Promise<ProgramResult> {
  return runProgram('kubectl', ['panelet', ...args], { env, input });
}

async function says(args: readonly string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await panelet(args, input);
  if (code !== 0) throw new Error(`kubectl panelet ${args.join(' ')} ended with ${code}: ${stderr}${stdout}`);
  return stdout;
}

/** A shell at the end of pipes, through the API server's port-forward. */
function attach(node: string, ...more: readonly string[]): RunningProgram {
  const args = ['panelet', 'attach', 'terminal', '--node', node, '--no-tty', ...more, '--param', 'command=/bin/sh'];
  return startProgram('kubectl', args, { env });
}

const until = (running: RunningProgram, pattern: RegExp, limitMs = 60_000): Promise<void> =>
  waitFor(
    `${pattern} of ${JSON.stringify(running.stderr())}`,
    () => {
      if (running.child.exitCode !== null) throw new Error(`It ended: ${running.stderr()}${running.stdout()}`);
      return pattern.test(running.stdout());
    },
    limitMs,
  );

describe('kubectl panelet', () => {
  test('status names every node, its gate and its sessions', async () => {
    const out = await says(['status']);
    for (const node of world.nodeNames()) expect(out).toMatch(new RegExp(`${node}.*SERVING`, 'i'));
    const json = JSON.parse(await says(['status', '-o', 'json'])) as unknown;
    expect(JSON.stringify(json)).toContain(first);
  });

  test('attach goes through the API server, and is dialled again after the pod was replaced: same shell', async () => {
    const running = attach(first);
    // Neither echo nor prompt: what is typed ahead would come in the middle of what commands write.
    running.child.stdin?.write('stty -echo; PS1=; echo pid=$$ start=$(cut -d" " -f22 /proc/$$/stat)\n');
    await until(running, /pid=\d+ start=\d+/);
    const who = /pid=\d+ start=\d+/.exec(running.stdout())?.[0] ?? '';
    const before = podUid(world, 'agent', first);
    const { metadata } = await annotateRestart(world);
    for (let line = 1; world.watch.restart(metadata.name)?.status?.completionTime === undefined; line++) {
      running.child.stdin?.write(`echo line=${line}\n`);
      await new Promise((resolve) => setTimeout(resolve, 200));
      if (line > 900) throw new Error('The restart does not end.');
    }
    expect((await restartOver(world, metadata.name)).status?.phase).toBe('Succeeded');
    expect(podUid(world, 'agent', first)).not.toBe(before);
    running.child.stdin?.write('echo again pid=$$ start=$(cut -d" " -f22 /proc/$$/stat) end\nexit 0\n');
    await until(running, /again pid=\d+ start=\d+ end/);
    expect(running.stdout()).toContain(`again ${who} end`);
    running.child.stdin?.end();
    const { code, stdout } = await running.ended;
    expect(code).toBe(0);
    const lines = [...stdout.matchAll(/^line=(\d+)\r?$/gm)].map((match) => Number(match[1]));
    expect(lines).toEqual(lines.map((_, index) => index + 1));
    expect(lines.length).toBeGreaterThan(5);
    // Of the plugin's own: others on the machine may forward ports, too.
    expect(findProcessesByEnvironment(`XDG_STATE_HOME=${env['XDG_STATE_HOME']}`)).toEqual([]);
  });

  test('exec passes every byte and ends with the exit code, over a restart in the middle', async () => {
    const script = 'sha256sum; id -u >&2; exit 7';
    const args = ['panelet', 'exec', '--node', first, '-i', '--', 'sh', '-c', script];
    const running = startProgram('kubectl', args, { env });
    const { metadata } = await annotateRestart(world);
    const hash = createHash('sha256');
    // Each chunk waits for the one before, so that the restart comes in the middle.
    while (world.watch.restart(metadata.name)?.status?.completionTime === undefined) {
      const chunk = randomBytes(256 * 1024);
      hash.update(chunk);
      await new Promise((resolve) => running.child.stdin?.write(chunk, resolve));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    running.child.stdin?.end();
    const { code, stdout, stderr } = await running.ended;
    expect({ code, stdout }).toEqual({ code: 7, stdout: `${hash.digest('hex')}  -\n` });
    // The uid of an owner, on the channel for errors; the line of the connection is there too.
    expect(Number(/^\d+$/m.exec(stderr)?.[0])).toBeGreaterThan(65_535);
    // As the guide says: the target has the result of this very request.
    const value = metadata.annotations?.['panelet.dev/restart-requested']?.replace(/^\d+:/, '') ?? '';
    const result = `{.metadata.annotations.panelet\\.dev/restart-result}=Succeeded:${value}`;
    await world.kubectl('wait', 'daemonset/panelet-agent', `--for=jsonpath=${result}`, '--timeout=60s');
  });

  test('a session whose node is not known is found by its id', async () => {
    const client = await world.client(second);
    const session = await client.open({ panel: 'echo' });
    const out = await says(['sessions']);
    expect(out).toMatch(
      new RegExp(`${second}.*${session.sessionId.slice(0, 8)}|${session.sessionId.slice(0, 8)}.*${second}`),
    );
    await session.terminate();
  });

  test('plan says what a restart would do, and restarts nothing', async () => {
    const before = world.nodeNames().map((node) => podUid(world, 'agent', node));
    const out = await says(['plan', 'daemonset/panelet-agent']);
    expect(out).toMatch(/2 pods/);
    expect(world.nodeNames().map((node) => podUid(world, 'agent', node))).toEqual(before);
    expect(
      world.watch.restarts().filter(({ spec, status }) => spec.dryRun === true && status?.completionTime === undefined),
    ).toEqual([]);
  });

  test('restart --wait, pause, resume and abort do what they say', async () => {
    const held = await (await world.client(first)).open({ panel: 'echo' });
    await held.send('hold', Buffer.from(JSON.stringify({ ms: 60_000 })));
    await held.flushed();
    const { metadata } = await createRestart(world, { paused: true, drain: { timeoutSeconds: 100, noticeSeconds: 0 } });
    await restartIn(world, metadata.name, ['Paused']);
    await says(['resume', metadata.name]);
    await restartIn(world, metadata.name, ['Running']);
    await says(['pause', metadata.name]);
    await restartIn(world, metadata.name, ['Paused']);
    await says(['abort', metadata.name]);
    expect((await restartOver(world, metadata.name)).status?.phase).toBe('Aborted');
    await held.terminate();
    const out = await panelet(['restart', '--wait', '--reason', 'from the plugin']);
    expect(out.code).toBe(0);
  });

  test('completion offers commands, nodes and restarts', async () => {
    const complete = (...words: readonly string[]): Promise<string> =>
      runProgram('kubectl', ['__complete', 'panelet', ...words], { env }).then(({ stdout }) => stdout);
    expect(await complete('att')).toContain('attach');
    expect(await complete('attach', '--node', '')).toContain(first);
  });

  test('get, wait, describe and explain read well', async () => {
    const { metadata } = await createRestart(world, { reason: 'to be read' });
    await world.kubectl('wait', '--for=condition=Succeeded', `prs/${metadata.name}`, '--timeout=120s');
    const table = await world.kubectl('get', 'prs', metadata.name);
    expect(table).toMatch(/NAME +PHASE +PODS +SESSIONS +FORCED +STEP +AGE/);
    expect(table).toMatch(/^e2e-\S+ +Succeeded +2\/2 /m);
    expect(await world.kubectl('explain', 'panelrestart.spec.drain.timeoutSeconds')).toMatch(/DESCRIPTION:\s+\S/);
    const refused = await world.tryKubectl(
      'patch',
      'prs',
      metadata.name,
      '--type=merge',
      '-p',
      '{"spec":{"targetRef":{"name":"other"}}}',
    );
    expect(refused.stderr).toContain('targetRef cannot be changed');
    const over = world.watch.restart(metadata.name);
    expect(conditionOf(over, 'Reconciling').status).toBe('False');
    expect(over?.status?.observedGeneration).toBe(over?.metadata.generation);
  });
});
