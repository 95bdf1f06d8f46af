import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { findProcesses, readProcessFile } from '#common/process/process-stat.js';
import { ResumeOutcome, type EndSessionResponse } from '#proto/session/v1/session.js';
import { ask, receiptOfDrain, startDrain } from '#test/support/gate-calls.js';
import { callerMetadata, createSessionClient, LinkClient } from '#test/support/link-client.js';
import { startRunningWorker, temporaryDirectory, type RunningWorker } from '#test/support/running-worker.js';
import { waitFor } from '#test/support/wait-for.js';
import { createExecPanel } from '#worker/panels/exec/exec-panel.js';
import type { PanelManifest } from '#worker/panels/exec/manifest.js';
import { defaultPanelLimits, type PanelLimits } from '#worker/panels/exec/panel-limits.js';

jest.setTimeout(120_000);

const manifest: PanelManifest = {
  ...{ name: 'hostile', version: '1', checkpointable: true, movable: false, afterCrash: 'fresh' },
  command: [process.execPath, resolve('test/support/panels/hostile-panel.js')],
  parameters: { mode: { type: 'string', required: true, maxLength: 100 } },
  directory: resolve('.'),
};

describe('a program of others that breaks the rules', () => {
  let dir: string;
  let worker: RunningWorker;
  const clients: LinkClient[] = [];

  // Long for those that are merely slow; each test shortens what it waits for.
  const start = async (limits: Partial<PanelLimits> = {}): Promise<void> => {
    const slow = { ...defaultPanelLimits, openMs: 9_000, freezeMs: 30_000, exitMs: 5_000 };
    const environment = { PATH: process.env['PATH'], EXEC_TEST: dir };
    worker = await startRunningWorker({
      dir,
      panel: createExecPanel({ manifest, environment, limits: { ...slow, ...limits } }),
    });
  };
  const client = (mode: string): LinkClient => {
    const made = new LinkClient({ socket: worker.socket, panel: 'hostile', parameters: { mode } });
    clients.push(made);
    return made;
  };
  const opened = async (mode: string): Promise<LinkClient> => {
    const made = client(mode);
    await made.attach();
    return made;
  };
  const goesOn = async (made: LinkClient): Promise<void> => {
    made.write(randomBytes(50_000));
    await made.echoed();
    expect([made.isExact, made.call === undefined, made.losses]).toEqual([true, false, []]);
  };
  /** What a session is told when it has failed. */
  const failure = async (made: LinkClient): Promise<string> => {
    await made.over();
    return made.next?.kind === 'ended' ? made.next.message : JSON.stringify(made.next);
  };
  const isOfTest = (pid: number): boolean => {
    const environment = readProcessFile(pid, 'environ');
    return environment.includes(`EXEC_TEST=${dir}\0`) && environment.includes('PANELET_PROCESS=');
  };
  const programs = (): number => findProcesses(isOfTest).length;
  const endSession = async ({ sessionId }: LinkClient): Promise<void> => {
    const grpc = createSessionClient(worker.socket);
    await ask<EndSessionResponse>((done) => grpc.endSession({ sessionId }, callerMetadata(), done)).finally(() =>
      grpc.close(),
    );
  };

  beforeEach(async () => {
    dir = await temporaryDirectory();
  });
  afterEach(async () => {
    for (const made of clients.splice(0)) await made.close();
    await worker.stop();
    await waitFor('no program is left', () => programs() === 0);
    await rm(dir, { recursive: true, force: true });
  });

  test.each([
    ['silent-at-open', /did not say that the session is there in time/],
    ['die-at-open', /ended without a word, with exit code 9/],
    ['kill-at-open', /ended without a word, by SIGKILL/],
  ])('does not open (%s), is told so, and costs nobody else anything', async (mode, expected) => {
    await start({ openMs: 5_000 });
    const good = await opened('good');
    await expect(client(mode).attach()).rejects.toMatchObject({
      code: 'PANEL_FAILED',
      message: expect.stringMatching(expected) as unknown,
    });
    await goesOn(good);
    await waitFor('its program is gone', () => programs() === 1);
  });

  test.each([
    ['die-at-opened', /with exit code 9/],
    ['die-at-input', /with exit code 9/],
    ['kill-at-input', /by SIGKILL/],
    ['flood', /more output than it has credit for/],
    ['events', /events are not acknowledged/],
    ['garbage', /no message/],
    ['giant', /A message of 4294967295 bytes; at most 131072 are allowed here/],
    ['torn', /ended without a word, with exit code 0/],
    ['unknown', /does not know/],
  ])('that does "%s" in the middle ends its own session, with a sentence; the others go on', async (mode, expected) => {
    await start();
    const good = await opened('good');
    await goesOn(good);
    const bad = await opened(mode);
    bad.write(Buffer.from('now'));
    expect(await failure(bad)).toMatch(expected);
    await goesOn(good);
    await waitFor('its program is gone', () => programs() === 1);
    expect(worker.worker.gate.unsafe()).toBe(1);
  });

  test('that says very much on standard error is cut short there, and goes on', async () => {
    await start();
    const [good, noisy] = [await opened('good'), await opened('noise')];
    await goesOn(noisy);
    await goesOn(good);
  });

  test.each([['tiny'], ['deaf'], ['silent-at-input']])(
    'that keeps its worker busy ("%s") or its client waiting keeps nobody else from going on',
    async (mode) => {
      await start({ exitMs: 500 });
      const good = await opened('good');
      const bad = await opened(mode);
      bad.write(randomBytes(1_000_000));
      await goesOn(good);
      // What a program does not read stays with its client.
      expect(bad.link.endpoint.unackedBytes()).toBeGreaterThan(100_000);
      await goesOn(good);
      await endSession(bad);
      await waitFor('its program is gone', () => programs() === 1);
      await goesOn(good);
    },
  );

  test.each([
    ['silent-at-freeze', { freezeMs: 1_000 }, /did not come to rest in time/],
    ['die-at-freeze', {}, /with exit code 9/],
    ['restless', {}, /"output" while it was frozen/],
    ['obese', {}, /4194305 bytes; at most 4194304 are/],
  ])('that does "%s" at a freeze stops no drain', async (mode, limits, expected) => {
    await start(limits);
    const [good, bad] = [await opened('good'), await opened(mode)];
    await goesOn(good);
    await goesOn(bad);
    const { counts } = await receiptOfDrain(startDrain(worker.gate, { timeoutMs: 60_000 }));
    expect(counts).toMatchObject({ checkpointed: 1, forced: 0, remaining: 0 });
    expect(await failure(bad)).toMatch(expected);
    await good.over();
    await worker.stop();
    await start();
    expect(await good.attach()).toMatchObject({ outcome: ResumeOutcome.EXACT });
    await goesOn(good);
  });

  test('that ends once it has said its state has been written down, and goes on', async () => {
    await start();
    const [good, bad] = [await opened('good'), await opened('die-at-frozen')];
    await goesOn(bad);
    const { counts } = await receiptOfDrain(startDrain(worker.gate, { timeoutMs: 60_000 }));
    expect(counts).toMatchObject({ checkpointed: 2, forced: 0, remaining: 0 });
    await worker.stop();
    await start();
    for (const made of [good, bad]) {
      await made.over();
      expect(await made.attach()).toMatchObject({ outcome: ResumeOutcome.EXACT });
      await goesOn(made);
    }
  });

  test.each([['no-end'], ['forks'], ['die-at-close']])(
    'that does "%s" is gone with its session, and all that it has started',
    async (mode) => {
      await start({ exitMs: 200 });
      const [good, bad] = [await opened('good'), await opened(mode)];
      await goesOn(bad);
      await waitFor(
        'it has started what it starts',
        () => programs() === (mode === 'forks' ? 4 : 2) || mode === 'forks',
      );
      if (mode === 'forks') expect(programs()).toBeGreaterThanOrEqual(4);
      await endSession(bad);
      await waitFor('nothing of it is left', () => programs() === 1);
      await goesOn(good);
    },
  );

  test('whose parameters are wrong is not even started', async () => {
    await start();
    const made = new LinkClient({ socket: worker.socket, panel: 'hostile', parameters: { mood: 'x' } });
    clients.push(made);
    await expect(made.attach()).rejects.toMatchObject({
      code: 'PANEL_FAILED',
      message: expect.stringMatching(/mood/) as unknown,
    });
    expect(programs()).toBe(0);
  });
});
