import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { ResumeOutcome } from '#proto/session/v1/session.js';
import { receiptOfDrain, startDrain } from '#test/support/gate-calls.js';
import { temporaryDirectory } from '#test/support/running-worker.js';
import { TextClient } from '#test/support/text-client.js';
import { spawnWorker, type WorkerProcess } from '#test/support/worker-process.js';

jest.setTimeout(60_000);

let dir: string;
let worker: WorkerProcess;
let client: TextClient;

const start = async (): Promise<void> => {
  const args = ['--exec', resolve('examples/guestbook-panel'), '--parameter', 'allowSameUser=true'];
  worker = spawnWorker({ dir, panel: 'guestbook', args });
  await worker.ready;
};

beforeEach(async () => {
  dir = await temporaryDirectory();
  await start();
  client = new TextClient({ socket: worker.socket, panel: 'guestbook', parameters: { greeting: '# ' } });
});
afterEach(async () => {
  await client.close();
  await worker.end();
  await rm(dir, { recursive: true, force: true });
});

test('a panel of the SDK goes on, exactly, over a restart of its worker, and ends', async () => {
  await client.attach();
  client.type('Anna was here\nBe');
  await client.shows(/# 1 Anna was here\n/);
  expect((await receiptOfDrain(startDrain(worker.gate))).counts).toMatchObject({ checkpointed: 1, forced: 0 });
  await client.over();
  worker.child.kill('SIGKILL');
  await worker.exited;
  await start();
  expect(await client.attach()).toMatchObject({ outcome: ResumeOutcome.EXACT });
  client.type('n, too\n');
  await client.shows(/# 2 Ben, too\n/);
  expect(client.text).toBe('# 1 Anna was here\n# 2 Ben, too\n');
  client.fin();
  await client.over();
  expect(client.next).toMatchObject({ kind: 'ended' });
});

test('a panel of the SDK refuses what panel.yaml does not know', async () => {
  const other = new TextClient({ socket: worker.socket, panel: 'guestbook', parameters: { greetin: 'x' } });
  await expect(other.attach()).rejects.toMatchObject({ code: 'PANEL_FAILED' });
  await other.close();
});
