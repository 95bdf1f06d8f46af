import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createSystemClock } from '#common/time/clock.js';
import { isFlawless, startEchoLoad, type EchoLoad } from '#test/support/echo-load.js';
import { summarizeDurations } from '#common/time/percentiles.js';
import type { PythonEcho } from '#test/support/python-client.js';
import { waitFor } from '#test/support/wait-for.js';
import { podDeletes, recordedReceipts } from './support/audit-log.js';
import { readAuditEvents } from './support/audit-tail.js';
import { findOnMachine, isOfPod } from './support/proc.js';
import { outputOf, startProgram, type RunningProgram } from './support/run-program.js';
import { openShell, type ShellSession } from './support/shell-session.js';
import { annotateRestart, openWorld, podUid, pythonClient, restartOver, type World } from './support/world.js';

const clock = createSystemClock({ keepsAlive: true });
let world: World;

beforeAll(async () => {
  world = await openWorld();
  await world.settled();
});
afterAll(() => world.close());

/** Files for a client in another language; the address file follows the node's agent. */
async function filesFor(node: string): Promise<{ address: string; token: string; ca: string }> {
  const files = {
    address: join(world.env.workDir, `address-${node}`),
    token: join(world.env.workDir, 'token'),
    ca: join(world.env.workDir, 'ca.crt'),
  };
  writeFileSync(files.address, await world.addressOf(node));
  writeFileSync(files.token, await world.token());
  writeFileSync(files.ca, world.trust());
  return files;
}

describe('the main job on a real cluster', () => {
  const python: RunningProgram[] = [];
  afterEach(() => {
    for (const { child } of python.splice(0)) child.kill();
  });

  test('helm test passes', async () => {
    const out = await world.helm('test', world.env.release, '--timeout', '120s');
    expect(out).toContain('Phase:          Succeeded');
  });

  /** One call by grpcurl; `lines` are the messages of the client. */
  async function grpcurl(node: string, method: string, lines: readonly string[] = []): Promise<string> {
    const { ca, token } = await filesFor(node);
    const who = `authorization: Bearer ${readFileSync(token, 'utf8')}`;
    const input = lines.length === 0 ? [] : ['-d', '@'];
    const args = [
      ...['-cacert', ca, '-servername', 'panelet-agent', '-H', who, ...input],
      ...['-import-path', join(world.env.root, 'proto'), '-proto', 'panelet/session/v1/session.proto'],
      ...[await world.addressOf(node), `panelet.session.v1.SessionService/${method}`],
    ];
    return outputOf(world.env.grpcurl, args, { input: lines.join('\n') });
  }

  test('grpcurl lists the panels of a node', async () => {
    const node = world.nodeNames()[0] ?? '';
    const { panels, node: answered } = JSON.parse(await grpcurl(node, 'ListPanels')) as {
      panels: { name: string; serving: boolean }[];
      node: string;
    };
    expect(answered).toBe(node);
    expect(panels.filter(({ serving }) => serving).map(({ name }) => name)).toEqual(['echo', 'logs', 'terminal']);
  });

  test('grpcurl attaches to echo and gets its bytes back', async () => {
    const [sessionId, clientId, nonce] = [randomUUID(), randomUUID(), randomUUID()];
    const ids = { session_id: sessionId, client_id: clientId, attach_nonce: nonce };
    const hello = {
      versions: [1],
      panel: 'echo',
      mode: 'ATTACH_MODE_OPEN',
      ...ids,
      next_rx: 1,
      tx_base: 1,
      tx_next: 1,
    };
    const payload = Buffer.from('hello from grpcurl').toString('base64');
    const frames = [
      { seq: 1, data: { channel: 'CHANNEL_STDIN', payload } },
      { seq: 2, fin: {} },
    ];
    const out = await grpcurl(world.nodeNames()[0] ?? '', 'Attach', [
      JSON.stringify({ credit: 262_144, frames: [{ hello }] }),
      JSON.stringify({ credit: 262_144, frames }),
    ]);
    expect(out).toContain('"outcome": "RESUME_OUTCOME_NEW"');
    expect(out).toContain(`"payload": "${payload}"`);
  });

  test('a restart by kubectl annotate loses nothing: echo of two clients, shells, another agent pod', async () => {
    const nodes = world.nodeNames();
    const since = clock.date();
    const before = new Map(nodes.map((node) => [node, podUid(world, 'agent', node)]));
    const hosts = new Map(nodes.map((node) => [node, podUid(world, 'host', node)]));
    const shells: ShellSession[] = [];
    const loads: EchoLoad[] = [];
    for (const [index, node] of nodes.entries()) {
      const client = await world.client(node);
      shells.push(await openShell(client, '/bin/bash'));
      const session = await client.open({ panel: 'echo' });
      loads.push(startEchoLoad({ session, seed: index + 1, clock, longestPauseMs: 20 }));
    }
    const onMachine = shells.map(({ shell }) => findOnMachine(shell));
    const follow = new AbortController();
    const addressFiles = await Promise.all(nodes.map(async (node) => ({ node, ...(await filesFor(node)) })));
    const following = (async (): Promise<void> => {
      while (!follow.signal.aborted) {
        for (const { node, address } of addressFiles) writeFileSync(address, await world.addressOf(node));
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    })();
    // However long the restart takes: they have to write while it comes.
    const enough = join(world.env.workDir, `enough-${randomUUID()}`);
    for (const { address, token, ca } of addressFiles) {
      const args = ['echo', '--address-file', address, '--ca', ca, '--server-name', 'panelet-agent'];
      const rest = ['--token-file', token, '--until', enough, '--rate', '400000'];
      python.push(startProgram(world.env.python, pythonClient(world.env, ...args, ...rest)));
    }
    await waitFor('bytes to flow', () => loads.every((load) => load.receivedBytes() > 500_000), 60_000);

    const { metadata } = await annotateRestart(world, {
      annotations: { 'panelet.dev/restart-reason': 'e2e', 'panelet.dev/notice': '5s' },
    });
    await world.kubectl('wait', '--for=condition=Succeeded', `prs/${metadata.name}`, '--timeout=180s');
    const restart = await restartOver(world, metadata.name);

    expect(restart.status?.sessions).toMatchObject({ forced: 0, lost: 0 });
    expect(restart.status?.pods?.summary).toBe(`${nodes.length}/${nodes.length}`);
    for (const node of nodes) {
      expect(podUid(world, 'agent', node)).not.toBe(before.get(node));
      expect(podUid(world, 'host', node)).toBe(hosts.get(node));
    }
    const verdicts = await Promise.all(loads.map((load) => load.finish(60_000)));
    const told = await Promise.all(shells.map((shell) => shell.finish(30_000)));
    writeFileSync(enough, '');
    const results = await Promise.all(python.map(({ ended }) => ended));
    follow.abort();
    await following;

    expect(verdicts.map(({ errors }) => errors)).toEqual(verdicts.map(() => []));
    expect(verdicts.filter((verdict) => !isFlawless(verdict))).toEqual([]);
    expect(verdicts.every(({ resumes, moves }) => resumes + moves > 0)).toBe(true);
    for (const [index, shell] of told.entries()) {
      expect(shell.failures).toEqual([]);
      expect(shell.after).toEqual(shell.before);
      expect(shell.executed).toEqual(shell.typed);
      expect(shell.output).toMatchObject({ lost: 0, duplicated: 0, reordered: 0 });
      if (world.env.ownCluster === undefined) continue;
      const seen = onMachine[index];
      expect(seen?.startTicks).toBe(shell.before.startTicks);
      expect(seen !== undefined && isOfPod(seen, hosts.get(nodes[index] ?? '') ?? '')).toBe(true);
    }
    for (const { code, stdout, stderr } of results) {
      if (code !== 0) throw new Error(`The client in Python ended with ${code}: ${stderr}${stdout}`);
      const echo = JSON.parse(stdout) as PythonEcho;
      expect(echo).toMatchObject({ equal: true, blocks: { lost: 0, duplicated: 0, reordered: 0, damaged: 0 } });
      expect(echo.attachments.length).toBeGreaterThan(1);
    }
    if (world.env.ownCluster !== undefined) {
      const events = readAuditEvents(world.env.ownCluster, since);
      const deletes = podDeletes(events).filter(({ user }) => user.endsWith(':panelet-controller'));
      const receipts = recordedReceipts(events);
      expect(deletes.map(({ uid }) => uid).sort()).toEqual([...before.values()].sort());
      for (const { uid, atMs } of deletes) expect(receipts.get(uid ?? '')?.atMs).toBeLessThanOrEqual(atMs);
    }
    const gaps = [...verdicts, ...told].flatMap(({ gapsMs }) => [...gapsMs]);
    const mib = verdicts.reduce((sum, { sentBytes }) => sum + sentBytes, 0) / 2 ** 20;
    const { p50, max } = summarizeDurations(gaps);
    const silence = Math.max(...verdicts.map(({ longestSilenceMs }) => longestSilenceMs));
    process.stdout.write(
      `  echo ${mib.toFixed(1)} MiB each way, hashes equal; ${gaps.length} gaps at the clients, p50 ${Math.round(p50)} ms, longest ${Math.round(max)} ms; longest silence of echo ${Math.round(silence)} ms\n`,
    );
  });

  test('nothing stays cordoned, claimed or behind', async () => {
    await world.settled();
    expect(existsSync(world.env.workDir)).toBe(true);
    const finalizers = world.watch.restarts().flatMap(({ metadata }) => metadata.finalizers ?? []);
    expect(finalizers).toEqual([]);
    for (const node of world.nodeNames()) {
      const client = await world.client(node);
      const { panels } = await client.listPanels();
      expect(panels.map(({ serving }) => serving)).toEqual(panels.map(() => true));
    }
  });
});
