import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { createGateClient } from '#client/calls/gate-client.js';
import { createPaneletClient, type PaneletClient } from '#client/sdk.js';
import { Target } from '#proto/gate/v1/gate.js';
import { builtPrograms, createAgentHome, type AgentHome } from '#test/support/agent/running-agent.js';

jest.setTimeout(60_000);

let home: AgentHome;
let client: PaneletClient;
let stateDir: string;
/** A row of docs/reference/files.md. */
interface Row {
  readonly path: string;
  readonly kind: string;
  readonly mode: string;
  readonly owner: string;
  readonly pattern: RegExp;
}

const variables: Readonly<Record<string, string>> = {
  '<panel>': '[a-z][a-z0-9-]*',
  '<session>': '[0-9a-f-]{36}',
  '<n>': '\\d+',
  '<uid>': '\\d+',
  '<owner>': '[^/]+',
  '<id>': '[0-9a-f]+',
};

function rows(): readonly Row[] {
  const text = readFileSync('docs/reference/files.md', 'utf8');
  const cells = [...text.matchAll(/^\| `([^`]+)` \| (\w+) \| `(\d{4})` \| ([^|]+) \|/gm)];
  return cells.map(([, path = '', kind = '', mode = '', owner = '']) => {
    const escaped = path.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    const pattern = Object.entries(variables).reduce((so, [name, regex]) => so.replaceAll(name, regex), escaped);
    return { path, kind, mode, owner: owner.trim(), pattern: new RegExp(`^${pattern}$`) };
  });
}

function kindOf(stat: ReturnType<typeof lstatSync>): string {
  if (stat === undefined) return 'nothing';
  if (stat.isDirectory()) return 'directory';
  return stat.isSocket() ? 'socket' : 'file';
}

interface Found {
  readonly path: string;
  readonly kind: string;
  readonly mode: string;
  readonly uid: number;
}

function walk(directory: string, name: string): readonly Found[] {
  return readdirSync(directory).flatMap((entry) => {
    const real = join(directory, entry);
    const stat = lstatSync(real);
    const path = `${name}/${entry}`;
    const mode = (stat.mode & 0o7777).toString(8).padStart(4, '0');
    const found = { path, kind: kindOf(stat), mode, uid: stat.uid };
    return stat.isDirectory() ? [found, ...walk(real, path)] : [found];
  });
}

const isRoot = process.getuid?.() === 0;

/** Everything below the directories, and these themselves. */
function everything(): readonly Found[] {
  const places = [
    ['<runDir>', join(home.dir, 'run')],
    ['<stateDir>', stateDir],
  ] as const;
  return places.flatMap(([name, directory]) => {
    const { mode, uid } = lstatSync(directory);
    const own = { path: name, kind: 'directory', mode: (mode & 0o7777).toString(8).padStart(4, '0'), uid };
    return [own, ...walk(directory, name)];
  });
}

/** What a file is, in the words of the table; the file itself where the table does not have it. */
function described({ path, kind, mode, uid }: Found): object {
  const row = rows().find(({ pattern }) => pattern.test(path));
  const owner = uid === process.getuid?.() ? 'user' : path.endsWith(`/${uid}`) ? 'its uid' : String(uid);
  return { path: row?.path ?? path, kind, mode, owner };
}

// As root, each owner of a terminal has files of his own.
const whenRoot = isRoot ? describe : describe.skip;
whenRoot('the files of a node', () => {
  afterEach(async () => {
    await client.close();
    home.remove();
    await rm(stateDir, { recursive: true, force: true });
  });

  test('are those that docs/reference/files.md names, and may be read by whom it says', async () => {
    home = createAgentHome(builtPrograms);
    // Directly in /tmp: owners must be able to pass, and those of the tests are closed.
    stateDir = await mkdtemp('/tmp/pf-');
    home.configure({
      ...{ stateDir, workerCommand: [process.execPath, builtPrograms.worker] },
      // Uids of no other test: with an owner's last session all processes of his uid end, on the whole machine.
      panels: [
        { name: 'echo' },
        { name: 'terminal', target: 'host', parameters: { uids: '{"first":130000,"count":10}' } },
      ],
    });
    const agent = await home.start();
    client = createPaneletClient({ address: home.address });
    await client.open({ panel: 'echo' });
    const shell = await client.open({ panel: 'terminal', parameters: { command: '/bin/sh', args: '["-i"]' } });
    await shell.write('true\n');
    const gate = createGateClient({ address: home.address });
    const command = { restartUid: 'files', fencing: 5, generation: 1 };
    await gate.cordon({ command, lease: { seconds: 30, nanos: 0 }, reason: 'files', target: Target.AGENT });
    await gate.uncordon({ command, target: Target.AGENT, anyRestart: true });
    gate.close();
    const serving = everything();
    // It writes checkpoints, and takes its own sockets with it.
    agent.child.kill('SIGTERM');
    await agent.exited;
    const found = new Map(
      [...serving, ...everything()].map((file) => [JSON.stringify(described(file)), described(file)]),
    );
    // Of a pod of a cluster whose hosts retire, which this one is not.
    const made = rows().filter(({ path }) => !path.endsWith('/retired-<pod uid>.json'));
    const expected = made.map(({ path, kind, mode, owner }) => ({ path, kind, mode, owner }));
    const byPath = (all: readonly object[]): readonly string[] => all.map((row) => JSON.stringify(row)).sort();
    expect(byPath([...found.values()])).toEqual(byPath(expected));
  });
});
