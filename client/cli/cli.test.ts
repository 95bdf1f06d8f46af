import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { State } from '#proto/gate/v1/gate.js';
import { cliEnvironment, runCliProcess, startCliUser, type CliResult, type CliUser } from '#test/support/cli-user.js';
import { cordon, receiptOfDrain, startDrain, uncordon } from '#test/support/gate-calls.js';
import { startRunningNode, type RunningNode } from '#test/support/node/running-node.js';
import { createShellPanel } from '#test/support/panels/shell-panel.js';
import { waitFor } from '#test/support/wait-for.js';
import { createEchoPanel } from '#worker/panels/echo/echo.js';
import { reconnectingTexts } from './session/connection-status.js';

const ctrlRightBracket = '\x1d';

// Real processes and connections, on machines that may be busy.
jest.setTimeout(30_000);

describe('the CLI', () => {
  let home: string;
  let env: Record<string, string>;
  let node: RunningNode;
  let users: CliUser[];
  const user = (...args: string[]): CliUser => {
    const started = startCliUser(args, env);
    users.push(started);
    return started;
  };
  const cli = (...args: string[]): Promise<CliResult> => runCliProcess(args, { env });
  /** The only session. */
  const sessionId = async (): Promise<string> => (await node.worker('terminal').sessions())[0]?.sessionId ?? '';
  const savedDir = (): string => join(home, 'state', 'panelet', 'sessions');

  beforeEach(async () => {
    users = [];
    home = await mkdtemp(join(tmpdir(), 'panelet-cli-'));
    node = await startRunningNode({
      panels: [createShellPanel(), createEchoPanel()],
      tokens: ['secret', 's3cret'],
    });
    env = cliEnvironment(home, { PANELET_ADDRESS: node.address, PANELET_TOKEN: 'secret' });
  });
  afterEach(async () => {
    for (const started of users) started.close();
    await node.close();
    await rm(home, { recursive: true, force: true });
  });

  describe('on a terminal', () => {
    test('says how to detach, runs the session, and ends with the exit code of the shell', async () => {
      const person = user('attach');
      await person.sees(/panelet: terminal [0-9a-f-]{36}, ctrl-\] d detaches\n\$ /);
      person.type('hello\r');
      await person.sees('you said: hello');
      person.type('size\r');
      await person.sees('size 20x80');
      person.resize(30, 90);
      const size = async (): Promise<unknown> => (await node.worker('terminal').sessions())[0]?.details['size'];
      await waitFor('the new size arrives', async () => (await size()) === '30x90');
      person.type('size\r');
      await person.sees('size 30x90');
      person.type('exit 7\r');
      expect(await person.exit).toBe(7);
      expect(await readdir(savedDir())).toEqual([]);
    });

    test('has 24 rows and 80 columns where the terminal does not know its size', async () => {
      const person = startCliUser(['exec', '-t', '--', 'top'], env, 'stty rows 0 cols 0');
      users.push(person);
      await person.sees('ran top');
      person.type('size\r');
      await person.sees('size 24x80');
    });

    test('finds no detach keys in a paste, finds them as kitty writes them, and puts the modes back', async () => {
      const person = user('attach');
      await person.sees('$ ');
      person.type('modes\r');
      await person.sees(/modes\n\$ /);
      person.type('\x1b[200~pasted \x1d');
      person.type('d\x1b[201~ text\r');
      await person.sees(/you said: .*pasted .*d.* text/);
      person.type('\x1b[93;5u\x1b[100;1u');
      expect(await person.exit).toBe(0);
      // Longer than a row: the id at its end is there.
      const id = await sessionId();
      await waitFor('the goodbye is not cut', () => person.screen().join('').includes(`attach --session ${id}`));
      expect(person.raw).toContain('\x1b[<1u');
    });

    test('ends with 128 and the number of the signal that ended the shell', async () => {
      const person = user('attach', 'terminal', '--', 'top', '-d', '1');
      await person.sees('ran top ["-d","1"]');
      person.type('kill\r');
      expect(await person.exit).toBe(137);
    });

    test('says in one line that the agent restarts, and leaves nothing of it behind', async () => {
      const person = user('attach');
      await person.sees('$ ');
      person.type('fill 25\r');
      await person.sees(/row 25\n\$ $/);
      const before = person.screen();
      await node.kill();
      await person.sees(reconnectingTexts.lost);
      const during = person.screen();
      expect(during.slice(0, -1)).toEqual(before.slice(0, -1));
      expect(during.at(-1)).toContain(reconnectingTexts.lost);
      person.type('typed while away\r');
      await node.listen();
      await person.seesNo(reconnectingTexts.lost);
      await person.sees('you said: typed while away');
      expect(
        person
          .screen()
          .join('\n')
          .match(/you said/g),
      ).toHaveLength(1);
      expect(person.screen().slice(0, 17)).toEqual(before.slice(2, 19));
    });

    test('says what may have become of a port-forward when nobody answers at a local address, and goes on when somebody does', async () => {
      const person = user('attach');
      await person.sees('$ ');
      await node.kill();
      await person.sees(`${node.address} does not answer; a port-forward ends with its pod: use --node`, 20_000);
      await node.listen();
      await person.seesNo('does not answer');
      person.type('still there\r');
      await person.sees('you said: still there');
    });

    test('shows a countdown when a restart will end the session, and takes it away when it is called off', async () => {
      const person = user('attach');
      await person.sees('$ ');
      const { gate } = node.worker('terminal').running;
      const drain = startDrain(gate, { noticeMs: 9_000, timeoutMs: 10_000, reason: 'host upgrade' });
      await person.sees('this session ends in 10 s: host upgrade');
      await person.sees('this session ends in 9 s: host upgrade');
      person.type('still works\r');
      await person.sees('you said: still works');
      await uncordon(gate);
      await person.seesNo('this session ends');
      await expect(drain.done).resolves.toMatchObject({ status: { state: State.SERVING } });
    });

    test('detaches, keeps the session, and comes back in another process with the screen', async () => {
      const person = user('attach');
      await person.sees('$ ');
      person.type(`a${ctrlRightBracket}x`);
      await person.sees(`$ a`);
      person.type(`${ctrlRightBracket}d`);
      expect(await person.exit).toBe(0);
      const id = await sessionId();
      expect(person.raw).toContain(`come back with:\r\n  panelet attach --session ${id}`);
      const file = join(savedDir(), `${id}.json`);
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ sessionId: id, panel: 'terminal' });
      const again = user('attach', '--resume');
      await again.sees(/the screen as it was|\$ a/);
      again.type('\rexit 3\r');
      expect(await again.exit).toBe(3);
      expect((await cli('attach', '--resume')).code).toBe(4);
    });

    test('comes back to a session by the beginning of its id', async () => {
      const person = user('attach');
      await person.sees('$ ');
      person.type(`${ctrlRightBracket}d`);
      expect(await person.exit).toBe(0);
      const id = await sessionId();
      const again = user('attach', '--session', id.slice(0, 4));
      await again.sees('the screen as it was');
      // The screen of the session takes the place of the greeting.
      expect(again.raw).toContain(`terminal ${id}`);
      again.type('exit 3\r');
      expect(await again.exit).toBe(3);
    });

    test('keeps what it takes to come back when its token is refused in the middle', async () => {
      const person = user('attach');
      await person.sees('$ ');
      const id = await sessionId();
      await node.setTokens('another');
      await node.kill();
      await node.listen();
      expect(await person.exit).toBe(3);
      expect(person.raw).toContain(`come back with:\r\n  panelet attach --session ${id}`);
      await node.setTokens('secret');
      const again = user('attach', '--resume');
      await again.sees('$ ');
      again.type('exit 0\r');
      expect(await again.exit).toBe(0);
      expect(await readdir(savedDir())).toEqual([]);
    });

    test('stops with 6 when another client takes the session over', async () => {
      const first = user('attach');
      await first.sees('$ ');
      const id = await sessionId();
      const second = user('attach', '--session', id);
      expect(await first.exit).toBe(6);
      expect(first.raw).toContain(`To have it back: panelet attach --session ${id}`);
      second.type('mine\r');
      await second.sees('you said: mine');
      const unasked = await cli('attach', '--resume');
      expect([unasked.code, unasked.stderr]).toEqual([6, expect.stringContaining(`attach --session ${id}`)]);
      second.type('still mine\r');
      await second.sees('you said: still mine');
    });

    test('says that a restart has ended the session by force, with an exit code of its own', async () => {
      const person = user('attach');
      await person.sees('$ ');
      await receiptOfDrain(startDrain(node.worker('terminal').running.gate, { timeoutMs: 50, reason: 'host upgrade' }));
      expect(await person.exit).toBe(7);
      expect(person.raw).toContain('panelet: A restart (host upgrade) ended the session by force.');
      expect(await readdir(savedDir())).toEqual([]);
    });

    test('leaves the terminal in order when it is told to end, and keeps the session', async () => {
      const person = user('attach');
      await person.sees('$ ');
      person.signal('SIGTERM');
      expect(await person.exit).toBe(143);
      expect(await readdir(savedDir())).toHaveLength(1);
    });
  });

  describe('between pipes', () => {
    test('passes bytes through', async () => {
      const result = await runCliProcess(['attach', 'echo'], { env, input: 'one\ntwo\n' });
      expect(result).toEqual({ code: 0, stdout: 'one\ntwo\n', stderr: '' });
    });

    test('takes a token with the line end of a file, and shows no part of one that it cannot send', async () => {
      const tokens = { PANELET_TOKEN: 's3cret\n' };
      expect((await runCliProcess(['ls'], { env: { ...env, ...tokens } })).code).toBe(0);
      for (const args of [['ls'], ['ls', '-o', 'json', '-v'], ['gate', '-v'], ['attach', 'echo', '-v']]) {
        const { code, stdout, stderr } = await runCliProcess(args, { env: { ...env, PANELET_TOKEN: 's3c\nret' } });
        expect([code, stdout + stderr]).toEqual([2, expect.stringContaining('The token has a space')]);
        expect(stdout + stderr).not.toContain('s3c');
      }
    });

    test('uses no proxy to this machine', async () => {
      const proxies = {
        http_proxy: 'http://127.0.0.1:9',
        https_proxy: 'http://127.0.0.1:9',
        grpc_proxy: 'http://127.0.0.1:9',
      };
      expect(await runCliProcess(['ls'], { env: { ...env, ...proxies } })).toMatchObject({ code: 0 });
    });

    test('exec ends with the exit code of the command', async () => {
      const result = await cli('exec', '-o', 'json', '--', 'ls', '-l');
      expect(result.stdout).toContain('["-l"]');
      expect(result.code).toBe(0);
    });

    test('says why it waits while new sessions are refused', async () => {
      const { gate } = node.worker('echo').running;
      await cordon(gate);
      const running = cli('attach', 'echo');
      await waitFor('another attempt, after one that was refused', () => node.attaches > 1);
      await uncordon(gate);
      const result = await running;
      expect(result.stderr).toMatch(/^panelet: waiting: .*restart/);
      expect(result.code).toBe(0);
    });
  });

  describe('with --output json', () => {
    test('lists panels', async () => {
      const { stdout, code } = await cli('ls', '-o', 'json');
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ node: 'node-a', panels: [{}, { name: 'terminal', serving: true }] });
    });

    test('lists sessions, and says which can be resumed here', async () => {
      const person = user('attach');
      await person.sees('$ ');
      const id = await sessionId();
      const { stdout } = await cli('-o', 'json', 'sessions');
      expect(JSON.parse(stdout)).toMatchObject({
        sessions: [{ sessionId: id, panel: 'terminal', attached: true, resumable: true, ageMs: expect.any(Number) }],
      });
      const unknown = await cli('end', 'zzzz');
      expect(unknown).toMatchObject({ code: 4, stderr: expect.stringContaining(`There are: ${id}.`) as unknown });
      const ended = await cli('end', id.slice(0, 8), '-o', 'json');
      expect(JSON.parse(ended.stdout)).toEqual({ ended: id });
      // Whoever is attached is told by whom.
      expect(await person.exit).toBe(6);
      expect(person.raw).toContain('panelet: The session was ended by alice.');
    });

    test('lists as YAML and by name, too', async () => {
      expect((await cli('ls', '-o', 'name')).stdout).toBe('echo\nterminal\n');
      expect((await cli('ls', '-o', 'yaml')).stdout).toMatch(/^node: node-a\npanels:\n {2}- name: echo\n/);
      expect((await cli('attach', 'nothing', '-o', 'yaml')).stdout).toMatch(/^error:\n {2}code: PANEL_UNKNOWN\n/);
    });

    test('reports an error as one document, too', async () => {
      const { stdout, stderr, code } = await cli('attach', 'nothing', '-o', 'json');
      expect(code).toBe(4);
      expect(JSON.parse(stdout)).toEqual({
        error: {
          code: 'PANEL_UNKNOWN',
          message: 'This node does not offer the panel "nothing". It has: echo, terminal.',
          advice: 'It has: echo, terminal.',
        },
      });
      expect(stderr).toBe('panelet: This node does not offer the panel "nothing". It has: echo, terminal.\n');
    });
  });

  describe('with wrong input', () => {
    const wrong: [string, string[], number, RegExp][] = [
      [
        'no agent',
        ['ls', '-a', '127.0.0.1:9'],
        5,
        /127\.0\.0\.1:9 cannot be reached\. Nothing listens there.* A port-forward ends with its pod: use --node\.\n/,
      ],
      ['no port', ['ls', '-a', 'somewhere'], 2, /"somewhere" is not of the form host:port/],
      ['no such name', ['ls', '--plaintext', '-a', 'no.such.host.invalid:1'], 5, /name does not resolve/],
      ['no token file', ['ls', '--token-file', '/nonexistent'], 2, /token file \/nonexistent cannot be read/],
      ['no CA file', ['ls', '--ca', '/nonexistent'], 2, /certificate authority \/nonexistent cannot be read/],
      ['plaintext and TLS', ['ls', '--plaintext', '--tls'], 2, /--plaintext excludes/],
      ['no such command', ['frobnicate'], 2, /unknown command 'frobnicate'/],
      ['a command without "--"', ['attach', 'terminal', 'ls'], 2, /too many arguments.* A command stands after "--"\./],
      ["tail's -n", ['logs', '-n', '5', 'x'], 2, /-n names a namespace\. For the last 5 lines: --tail 5/],
      ['no such option', ['ls', '--frobnicate'], 2, /unknown option '--frobnicate'/],
      ['no such format', ['ls', '-o', 'xml'], 2, /Allowed choices are table, wide, json, yaml, name/],
      [
        'names of what is no list',
        ['end', 'abcd', '-o', 'name'],
        2,
        /-o name is for ls and sessions; `end` takes table, wide, json, yaml/,
      ],
      ['no command to run', ['exec', 'ls'], 2, /exec needs a command after "--"/],
      ['no name of a variable', ['exec', '-e', '=x', '--', 'ls'], 2, /"" is no name of a variable/],
      ['no value of a variable', ['exec', '-e', 'NOT_SET', '--', 'ls'], 2, /not set here. Give it as NOT_SET=VALUE/],
      ['no saved session', ['attach', '--session', 'abcd'], 4, /No session that was left here begins with abcd/],
      ['no session id', ['attach', '--session', '../abc'], 2, /is not a session id/],
      ['no such session', ['end', 'abcd'], 4, /No session of yours begins with abcd/],
      ['too little of an id', ['end', 'abc'], 2, /at least 4 characters/],
      ['a duration that is none', ['drain', '--timeout', 'soon'], 2, /Give a duration as 90s/],
      ['no key', ['attach', 'echo', '--param', 'x'], 2, /"x" is not of the form key=value/],
      ['no TLS there', ['ls', '--tls'], 5, /does not speak TLS/],
      ['no kubeconfig', ['status', '--kubeconfig', '/nonexistent'], 2, /Check --kubeconfig/],
    ];
    test.each(wrong)('%s: one line that says what to do', async (_name, args, code, line) => {
      const result = await cli(...args);
      expect(result.stderr).toMatch(line);
      expect(result.stdout).toBe('');
      expect(result.code).toBe(code);
    });

    test('a refused token is an exit code of its own, with the cause on request', async () => {
      await node.setTokens('another');
      expect(await cli('attach')).toEqual({
        code: 3,
        stdout: '',
        stderr:
          'panelet: Nobody has this token. Pass one of the identity file of this agent. Give one with --token-file or PANELET_TOKEN_FILE; in a cluster, --node brings its own.\n',
      });
      expect((await cli('attach', '-v')).stderr).toContain('caused by:');
    });

    test('kubectl that is missing is said', async () => {
      const { code, stderr } = await runCliProcess(['restart'], { env: { ...env, PATH: '/nonexistent' } });
      expect(stderr).toMatch(/kubectl is not on PATH/);
      expect(code).toBe(2);
    });
  });

  test('tells its version', async () => {
    expect(JSON.parse((await cli('version', '-o', 'json')).stdout)).toHaveProperty('version');
    expect((await cli('--version')).code).toBe(0);
  });
});
