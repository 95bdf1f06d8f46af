import { createHash, randomUUID } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import pty from '@lydell/node-pty';
import { findProcessesByEnvironment } from '#devcluster/launcher/proc-fs.js';
import { startBoardProgram } from '#devcluster/host/board-program.js';
import { startBoardCluster, type BoardCluster } from '#test/support/board-cluster.js';
import { BoardPage, type BoardView } from '#test/support/board-page.js';
import { installBoard, startBoardProcess, type BoardProcess } from '#test/support/board-process.js';
import { runCliProcess, startCliUser } from '#test/support/cli-user.js';
import { areAgentsReady } from '#test/support/devcluster-process.js';
import { packagedKubectl } from '#test/support/kubectl.js';
import { waitFor } from '#test/support/wait-for.js';

jest.setTimeout(120_000);

const windowBytes = 256 * 1024;
const target = 'panelet-agent';
let cluster: BoardCluster;
let dir = '';
let program = '';
let env: Record<string, string>;
let marker = '';
let board: BoardProcess;
let page: BoardPage;

const start = (...args: string[]): Promise<BoardProcess> =>
  startBoardProcess(program, ['--token-file', cluster.tokenFile('admin'), ...args], env);

const terminal = (script: string, columns = 80): Parameters<BoardPage['view']>[0] => ({
  kind: 'open',
  node: 'node-a',
  panel: 'terminal',
  parameters: { command: '/bin/sh', args: JSON.stringify(['-c', script]) },
  columns,
  rows: 24,
});

beforeAll(async () => {
  cluster = await startBoardCluster();
  ({ dir } = cluster);
  program = installBoard(join(dir, 'installed'));
  marker = `PANELET_BOARD_TEST=${randomUUID()}`;
  const [name = '', value = ''] = marker.split('=');
  env = { ...cluster.env, [name]: value };
  board = await start();
  page = await BoardPage.visit(await board.freshAddress());
  await page.follow(['node-a', 'node-b']);
}, 120_000);

afterAll(async () => {
  page.close();
  board.signal('SIGTERM');
  await board.ended;
  await cluster.stop();
}, 60_000);

const sees = (text: string, view: BoardView): Promise<void> => waitFor(text, () => view.text.includes(text), 60_000);

describe('the board', () => {
  test('says its address without a token, and lets in with one, once', async () => {
    const address = await board.freshAddress();
    expect(board.text.split('\n')[0]).toBe(
      `The board of panelet-devcluster, namespace panelet-system: ${board.address}`,
    );
    (await BoardPage.visit(address)).close();
    await expect(BoardPage.visit(address)).rejects.toThrow('401');
    await expect(BoardPage.visit(`${board.address}/#token=`)).rejects.toThrow('401');
  });

  test('shows the cluster, its pods and what can be restarted, and of nodes that are shown what their agents say', async () => {
    await waitFor('both nodes', () => page.nodes.size === 2);
    expect(page.cluster).toMatchObject({ context: 'panelet-devcluster', namespace: 'panelet-system' });
    expect([...page.pods.values()].map(({ node, owner, component }) => ({ node, owner, component }))).toEqual(
      expect.arrayContaining(['node-a', 'node-b'].map((node) => ({ node, owner: target, component: 'agent' }))),
    );
    await waitFor('the targets', () => page.targets.length > 0);
    expect(page.targets).toEqual([{ name: target, component: 'agent' }]);
    expect(page.nodes.get('node-a')).toMatchObject({ gate: { state: 'SERVING' }, sessions: expect.any(Array) });
    expect(page.nodes.get('node-a')?.panels.map(({ name }) => name)).toContain('terminal');
    expect(page.troubles.size).toBe(0);
  });

  test('plans, and the plan is no restart', async () => {
    const plan = await page.post('/plan', { target, reason: '' });
    expect(plan).toMatchObject({ status: 200, body: { podsText: '0/2' } });
    expect(plan.body['text']).toMatch(/would restart 2 pods/);
    expect(page.restarts.size).toBe(0);
  });

  test('goes on with a terminal through a restart, to the byte, while the restart goes over its lanes', async () => {
    const stop = join(dir, 'stop');
    const script = `i=0; while [ ! -e ${stop} ]; do i=$((i+1)); echo "line $i of the output"; [ $((i % 20)) = 0 ] && sleep 0.02; done; echo end $i; read -r word; echo "read $word"`;
    const view = await page.view(terminal(script));
    await sees('line 100 of', view);
    const second = await page.view({ kind: 'attach', session: view.session ?? '', columns: 80, rows: 24 });
    await waitFor('the second view', () => second.said.length > 0);
    expect(second.said[0]).toMatchObject({ kind: 'opened', replayed: true, session: view.session });
    expect(await page.post('/restart', { target, reason: 'as a test' })).toEqual({ status: 200, body: {} });
    await waitFor('its end', () => [...page.restarts.values()].some(({ finishedAt }) => finishedAt !== ''), 90_000);
    writeFileSync(stop, '');
    await sees('end ', view);
    second.type('typed\r');
    await sees('read typed', view);
    await waitFor('the end', () => view.said.at(-1)?.kind === 'ended' && second.said.at(-1)?.kind === 'ended');
    expect(view.said.at(-1)).toMatchObject({ kind: 'ended' });
    const count = Number(/end (\d+)/.exec(view.text)?.[1]);
    const lines = Array.from({ length: count }, (_, at) => `line ${at + 1} of the output\r\n`).join('');
    const expected = `${lines}end ${count}\r\ntyped\r\nread typed\r\n`;
    const hash = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');
    expect(hash(view.output)).toBe(hash(expected));
    // It began before there was more than a window, so it has all of it, too.
    expect(hash(second.output)).toBe(hash(expected));
    expect(view.said.filter(({ kind }) => kind === 'gap').length).toBeGreaterThan(0);
    expect(view.said.filter(({ kind }) => kind === 'lost')).toEqual([]);
    const restart = [...page.restarts.values()].find(({ reason }) => reason === 'as a test');
    expect(restart).toMatchObject({ phase: 'Succeeded', counts: { succeeded: 2 }, target });
    expect(restart?.lanes.map(({ stage }) => stage)).toEqual(['Succeeded', 'Succeeded']);
    const stages = page.seen.flatMap(({ lanes }) => lanes.map(({ stage }) => stage));
    expect(stages).toEqual(expect.arrayContaining(['Warm', 'Draining', 'Succeeded']));
    expect(page.events.map(({ about }) => about)).toContain(`PanelRestart/${restart?.name ?? ''}`);
  });

  test('calls a restart off, and says why what is over cannot be', async () => {
    await waitFor('two Ready pods', () => areAgentsReady(dir), 60_000);
    expect(await page.post('/restart', { target, reason: 'to be called off' })).toMatchObject({ status: 200 });
    const named = (): string | undefined =>
      [...page.restarts.values()].find(({ reason, lanes }) => reason === 'to be called off' && lanes.length > 0)?.name;
    await waitFor('its first lane', () => named() !== undefined);
    const restart = named() ?? '';
    expect(await page.post('/abort', { restart })).toEqual({ status: 200, body: {} });
    const phase = (): string | undefined => [...page.restarts.values()].find(({ name }) => name === restart)?.phase;
    await waitFor('that it is called off', () => phase() === 'Aborted', 60_000);
    expect(await page.post('/pause', { restart })).toMatchObject({ status: 409, body: { code: 'RESTART_OVER' } });
    expect(await page.post('/abort', { restart: 'none' })).toMatchObject({
      status: 404,
      body: { code: 'API_NOT_FOUND' },
    });
    expect(await page.post('/abort', { restart: '--all' })).toMatchObject({ status: 400 });
    expect(await page.post('/restart', { target: '-A', reason: '' })).toMatchObject({ status: 400 });
  });

  test('sends a view no more than a window ahead of what it shows, and loses nothing', async () => {
    const lines = 100_000;
    const view = await page.view(terminal(`seq ${lines}; sleep 600`));
    view.isSlow = true;
    await waitFor('a window', () => view.bytes >= windowBytes, 60_000);
    const other = await page.view({ kind: 'attach', session: view.session ?? '', columns: 80, rows: 24 });
    await sees(`\n${lines}\r\n`, other);
    expect(view.bytes).toBe(windowBytes);
    view.isSlow = false;
    view.show();
    await sees(`\n${lines}\r\n`, view);
    const expected = Array.from({ length: lines }, (_, at) => `${at + 1}\r\n`).join('');
    expect(view.text === expected).toBe(true);
    view.ask({ kind: 'terminate' });
    await waitFor('its end', () => view.said.at(-1)?.kind === 'ended');
  });

  test('has the session for a page that comes back, and takes one up that the CLI has left', async () => {
    const first = await page.view(terminal('echo here; exec cat'));
    await sees('here', first);
    const { session = '' } = first;
    first.close();
    const back = await page.view({ kind: 'attach', session, columns: 90, rows: 30 });
    await sees('here', back);
    back.type('again\r');
    await sees('again\r\nagain', back);
    back.ask({ kind: 'terminate' });
    const person = startCliUser(['attach', '--node', 'node-b', '-n', 'panelet-system'], {
      ...env,
      PANELET_TOKEN_FILE: cluster.tokenFile('admin'),
    });
    person.type('echo left-$((1+1))\r');
    await person.sees('left-2');
    const [, left = ''] = /terminal ([0-9a-f-]{36})/.exec(person.raw) ?? [];
    person.type('\x1dd');
    await person.exit;
    person.close();
    const taken = await page.view({ kind: 'attach', session: left, columns: 80, rows: 24 });
    taken.type('echo taken-$((1+2))\r');
    await sees('taken-3', taken);
    expect(taken.text).toContain('left-2');
    taken.ask({ kind: 'terminate' });
    await waitFor('its end', () => taken.said.at(-1)?.kind === 'ended');
  });

  test('says why a session cannot be shown', async () => {
    const unknown = await page.view({ kind: 'attach', session: randomUUID(), columns: 80, rows: 24 });
    await waitFor('why', () => unknown.said.length > 0);
    expect(unknown.said).toMatchObject([{ kind: 'failed', code: 'SESSION_UNKNOWN' }]);
    const nowhere = await page.view({ ...terminal('true'), node: 'node-z' } as Parameters<BoardPage['view']>[0]);
    await waitFor('why', () => nowhere.said.length > 0);
    expect(nowhere.said).toMatchObject([{ kind: 'failed', code: 'API_NOT_FOUND' }]);
  });
});

describe('a board that ends', () => {
  const kubectls = (): number => findProcessesByEnvironment(marker).length;

  test.each(['key', 'SIGINT', 'SIGTERM', 'SIGKILL', 'stdin'] as const)(
    'by %s leaves no kubectl and no file',
    async (how) => {
      const before = kubectls();
      const own = await start('--end-with-stdin');
      await waitFor('its watches', () => kubectls() >= before + 4);
      if (how === 'key') own.type('\x03');
      else if (how === 'stdin') own.endInput();
      else own.signal(how);
      expect(await own.ended).toBe({ key: 0, stdin: 0, SIGINT: 130, SIGTERM: 143, SIGKILL: 'SIGKILL' }[how]);
      await waitFor('that nothing is left', () => kubectls() === before);
      expect(readdirSync(dir).filter((name) => name.startsWith('panelet-board-'))).toEqual([]);
    },
  );

  test('on a terminal by a key, which shows an address with a token before', async () => {
    const size = { rows: 20, cols: 200 };
    const person = pty.spawn(process.execPath, [program, 'board', '--no-open'], {
      ...size,
      env,
      name: 'xterm-256color',
    });
    let said = '';
    person.onData((text) => (said += text));
    const exit = new Promise<number>((resolve) => person.onExit(({ exitCode }) => resolve(exitCode)));
    await waitFor('its keys', () => said.includes('Keys: '), 60_000);
    expect(said).not.toContain('#token=');
    person.write('xa');
    await waitFor('an address with a token', () => said.includes('/#token='));
    person.write('\x03');
    expect(await exit).toBe(0);
  });

  test('beside a dev cluster has its keys from there, and ends with it', async () => {
    const before = kubectls();
    let said = '';
    const out = new PassThrough().on('data', (piece: Buffer) => (said += piece.toString()));
    const [kubeconfig, tokenFile] = [join(dir, 'kubeconfig'), cluster.tokenFile('alice')];
    const kubectl = packagedKubectl();
    const own = startBoardProgram({
      cli: program,
      kubeconfig,
      tokenFile,
      kubectl,
      environment: { ...env, PATH: '/bin' },
      out,
    });
    own.press('a');
    await waitFor('an address with a token', () => said.includes('/#token='), 60_000);
    const visitor = await BoardPage.visit(/http:\S+#token=\S+/.exec(said)?.[0] ?? '');
    visitor.close();
    await own.stop();
    await waitFor('that nothing is left', () => kubectls() === before);
  });

  test('says what its sessions are left as, and they go on', async () => {
    const own = await start();
    const visitor = await BoardPage.visit(await own.freshAddress());
    const view = await visitor.view(terminal('echo mark-$$; exec cat'));
    await waitFor('its pid', () => /mark-\d+\r/.test(view.text));
    own.signal('SIGINT');
    expect(await own.ended).toBe(130);
    visitor.close();
    const { session = '' } = view;
    expect(own.text).toContain(`panelet attach --session ${session}`);
    const back = await page.view({ kind: 'attach', session, columns: 80, rows: 24 });
    back.type('still\r');
    await sees('still\r\nstill', back);
    back.ask({ kind: 'terminate' });
    await waitFor('its end', () => back.said.at(-1)?.kind === 'ended');
  });
});

describe('without what it needs a board says so', () => {
  test.each([
    [['--kubeconfig', '/nowhere'], 2, /kubectl: .*\/nowhere.* Check --kubeconfig/],
    [['-a', '127.0.0.1:1'], 2, /--address is of one agent/],
    [['--port', '70000'], 2, /from 0 to 65535/],
  ])('%j', async (args, code, said) => {
    const ran = await runCliProcess(['board', '--no-open', ...args], { env, program });
    expect(ran.stderr).toMatch(said);
    expect(ran.code).toBe(code);
  });

  test('a port that somebody else has', async () => {
    const port = new URL(board.address).port;
    const ran = await runCliProcess(['board', '--no-open', '--port', port], { env, program });
    expect(ran.stderr).toContain(`Something else listens on 127.0.0.1:${port}`);
  });
});
