import { statSync } from 'node:fs';
import { chmod, cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { findProcesses, readProcessFile } from '#common/process/process-stat.js';
import type { EndSessionResponse } from '#proto/session/v1/session.js';
import { ask } from '#test/support/gate-calls.js';
import { callerMetadata, createSessionClient, LinkClient } from '#test/support/link-client.js';
import { waitFor } from '#test/support/wait-for.js';
import { spawnWorker, type WorkerProcess } from '#test/support/worker-process.js';

// Only root can start programs as others.
const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

jest.setTimeout(60_000);

asRoot('the program of a session', () => {
  let dir: string;
  let worker: WorkerProcess;
  const clients: LinkClient[] = [];
  const panel = 'echo-shell';

  const start = async (...parameters: string[]): Promise<void> => {
    const args = [
      '--grace-period',
      '0',
      '--exec',
      join(dir, 'panel'),
      ...parameters.flatMap((parameter) => ['--parameter', parameter]),
    ];
    worker = spawnWorker({ dir, panel, args });
    await worker.ready;
  };
  const open = async (identity: string): Promise<LinkClient> => {
    const made = new LinkClient({ socket: worker.socket, panel, identity });
    clients.push(made);
    await made.attach();
    made.write(Buffer.from('hello'));
    await made.echoed();
    return made;
  };
  const processesOf = ({ sessionId }: LinkClient): readonly number[] =>
    findProcesses((pid) => readProcessFile(pid, 'environ').includes(`PANELET_SESSION=${sessionId}\0`)).map(
      ({ pid }) => pid,
    );
  const uidsOf = (session: LinkClient): readonly number[] => [
    ...new Set(processesOf(session).map((pid) => statSync(`/proc/${pid}`).uid)),
  ];

  beforeEach(async () => {
    // Directly in /tmp: owners must be able to pass, and those of the tests are closed.
    dir = await mkdtemp('/tmp/pw-exec-');
    await chmod(dir, 0o711);
    await cp('examples/panel-shell', join(dir, 'panel'), { recursive: true });
    // Leaves its session of processes, and lives on.
    const script = 'setsid sh -c \'trap "" HUP TERM; while :; do sleep 5; done\' 3>&- 4>&- &\n. ./echo.sh\n';
    await writeFile(join(dir, 'panel', 'forks.sh'), script);
    const manifest = `name: ${panel}\nversion: '1'\nprotocol: panelet.panel.v1\ncommand: [sh, forks.sh]\n`;
    await writeFile(join(dir, 'panel', 'panel.yaml'), manifest);
  });
  afterEach(async () => {
    for (const made of clients.splice(0)) await made.close();
    // As its operator ends it: what is killed leaves behind what has left its sessions of processes.
    worker.child.kill('SIGTERM');
    await worker.exited;
    await worker.end();
    await rm(dir, { recursive: true, force: true });
  });

  test('runs as its owner, who is nobody else’s, and leaves nothing behind', async () => {
    await start('uids={"first":113000,"count":10}');
    const [alice, bob] = [await open('alice'), await open('bob')];
    await waitFor('they have started others', () => processesOf(alice).length > 2 && processesOf(bob).length > 2);
    const uids = [uidsOf(alice), uidsOf(bob)];
    for (const ofOne of uids) expect(ofOne).toEqual([expect.any(Number)]);
    const numbers = uids.flat();
    expect(numbers.every((uid) => uid >= 113_000 && uid < 113_010)).toBe(true);
    expect(new Set(numbers).size).toBe(2);
    const grpc = createSessionClient(worker.socket);
    const { sessionId } = alice;
    await ask<EndSessionResponse>((done) => grpc.endSession({ sessionId }, callerMetadata('alice'), done));
    grpc.close();
    await waitFor('nothing of it is left', () => processesOf(alice).length === 0);
    bob.write(Buffer.from('still here'));
    await bob.echoed();
  });

  test('runs as the worker’s user where its operator says so', async () => {
    await start('allowSameUser=true');
    expect(uidsOf(await open('alice'))).toEqual([0]);
  });
});
