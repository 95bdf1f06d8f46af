import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { nodeServerName } from '#common/node-server-name.js';
import { createPaneletClient, type PaneletClient } from '#client/sdk.js';
import { openLineShell, type LineShell } from './support/line-shell.js';
import { openWorld, type World } from './support/world.js';

const people = ['e2e-ann', 'e2e-ben'] as const;
const limited = 'e2e-limited';
let world: World;
let node: string;
const clients: PaneletClient[] = [];

async function clientOf(account: string): Promise<PaneletClient> {
  const client = createPaneletClient({
    address: await world.addressOf(node),
    tls: { ca: world.trust(), serverName: nodeServerName(node) },
    token: await world.token(account),
    times: { openTimeoutMs: 60_000 },
  });
  clients.push(client);
  return client;
}

beforeAll(async () => {
  world = await openWorld();
  await world.settled();
  node = world.nodeNames()[0] ?? '';
  for (const account of [...people, limited]) {
    await world.tryKubectl('create', 'serviceaccount', account);
    const subject = `--serviceaccount=${world.env.namespace}:${account}`;
    await world.tryKubectl('create', 'rolebinding', account, '--clusterrole=panelet-user', subject);
  }
});
afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
  for (const account of [...people, limited]) {
    await world.tryKubectl('delete', 'serviceaccount,rolebinding', account, '--ignore-not-found');
  }
  await world.close();
});

/** Each line succeeds when the attack does. */
async function attacksOn(victim: LineShell): Promise<Readonly<Record<string, string>>> {
  const home = await victim.run('echo secret >"$HOME/.bash_history"; echo "$HOME"');
  const temporary = await victim.run('echo secret >"$TMPDIR/file"; echo "$TMPDIR"');
  const terminal = await victim.run('tty');
  // Where the kernel shows its processes to this container at all.
  const worker = '$(pgrep -o -f panelet-worker.--panel=terminal || echo 1)';
  const state = '/var/lib/panelet';
  const socket = '/run/panelet/host/terminal/worker.sock';
  return {
    'lists sessions': `ls ${state}/sessions/terminal`,
    'reads a record, and with it the key of resume tokens': `cat ${state}/sessions/terminal/*/record.json`,
    'lists who has which uid': `ls ${state}/owners`,
    'lists the HOMEs': `ls ${state}/homes`,
    'reads the history': `cat ${home}/.bash_history`,
    'writes a profile': `touch ${home}/.bash_profile`,
    'reads the temporary files': `cat ${temporary}/file`,
    'moves the directory of the temporary files': 'mv /tmp/owners /tmp/away && mv /tmp/away /tmp/owners',
    'writes to the terminal': `printf '' >${terminal}`,
    'reads the terminal': `exec 9<${terminal}`,
    'signals the shell': `kill -0 ${victim.pid}`,
    'signals the worker': `kill -0 ${worker}`,
    'reads the environment': `cat /proc/${victim.pid}/environ`,
    'reads the environment of the worker': `cat /proc/${worker}/environ`,
    'looks into the memory, as ptrace does': `head -c 0 /proc/${victim.pid}/mem`,
    'looks at the descriptors': `ls /proc/${victim.pid}/fd`,
    'reaches the socket': `test -w ${socket} || test -r /run/panelet/host/terminal`,
    'writes a name': 'echo x >>/etc/passwd',
    'becomes root': 'setpriv --reuid 0 true',
  };
}

const own = [
  ...['reads the history', 'writes a profile', 'reads the temporary files', 'writes to the terminal'],
  ...['reads the terminal', 'signals the shell', 'reads the environment', 'looks into the memory, as ptrace does'],
];

async function outcomes(shell: LineShell, attacks: Readonly<Record<string, string>>): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const [what, line] of Object.entries(attacks)) {
    found[what] = await shell.run(`if (${line}) >/dev/null 2>&1; then echo done; else echo refused; fi`);
  }
  return found;
}

describe('two people with a terminal each on one node', () => {
  let ann: LineShell;
  let ben: LineShell;
  beforeAll(async () => {
    [ann, ben] = [await openLineShell(await clientOf('e2e-ann')), await openLineShell(await clientOf('e2e-ben'))];
  });
  afterAll(async () => {
    await Promise.all([ann, ben].map(({ session }) => session.terminate()));
  });

  test('cannot do anything to each other, to the worker or to the node, and everything to themselves', async () => {
    for (const [attacker, victim] of [
      [ann, ben],
      [ben, ann],
    ] as const) {
      const attacks = await attacksOn(victim);
      const refused = Object.fromEntries(Object.keys(attacks).map((what) => [what, 'refused']));
      expect(await outcomes(attacker, attacks)).toEqual(refused);
      const found = await outcomes(victim, attacks);
      for (const what of own) expect([what, found[what]]).toEqual([what, 'done']);
    }
  });

  test('have a uid each with a name, no capability and no group', async () => {
    const seen = new Set<string>();
    for (const shell of [ann, ben]) {
      const uid = await shell.run('id -u');
      seen.add(uid);
      expect(await shell.run('id')).toBe(`uid=${uid}(u${uid}) gid=${uid}(u${uid}) groups=${uid}(u${uid})`);
      const status = await shell.run('cat /proc/$$/status');
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
        expect(status).toMatch(new RegExp(`^${set}:\t0{16}$`, 'm'));
      }
      expect(status).toMatch(/^NoNewPrivs:\t1$/m);
      expect(await shell.run('ls /proc/$$/fd | grep -vx "[0-2]\\|10"')).toBe('');
    }
    expect(seen.size).toBe(2);
  });

  test('find their HOMEs again, and leave nothing running when their last shell ends', async () => {
    const client = await clientOf('e2e-ann');
    await ann.run('echo mine >"$HOME/kept"; (setsid sleep 4711 >/dev/null 2>&1 &)');
    expect(await ann.run('pgrep -f "sleep 4711" >/dev/null && echo running')).toBe('running');
    await ann.session.terminate();
    ann = await openLineShell(client);
    expect(await ann.run('cat "$HOME/kept"; pgrep -f "sleep 4711" || echo none')).toBe('mine\nnone');
  });
});

test('nobody has more sessions than his quota, and others have theirs', async () => {
  const client = await clientOf(limited);
  const session = await client.open({ panel: 'echo' });
  await expect(client.open({ panel: 'echo' })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  const other = await (await clientOf('e2e-ann')).open({ panel: 'echo' });
  await other.terminate();
  await session.terminate();
  await (await client.open({ panel: 'echo' })).terminate();
});
