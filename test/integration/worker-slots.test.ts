import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PaneletError } from '#common/errors/errors.js';
import { createLatch, type Latch } from '#common/time/latch.js';
import type { EndSessionResponse, ListSessionsResponse } from '#proto/session/v1/session.js';
import { waitFor } from '#test/support/wait-for.js';
import { createFaultyFileSystem, type Fault } from '#test/support/faulty-file-system.js';
import { ask, receiptOfDrain, startDrain } from '#test/support/gate-calls.js';
import { callerMetadata, LinkClient } from '#test/support/link-client.js';
import { startRunningWorker, temporaryDirectory, type RunningWorker } from '#test/support/running-worker.js';
import type { PanelDefinition } from '#worker/panel/panel.js';
import { createEchoPanel } from '#worker/panels/echo/echo.js';
import { createNodeFileSystem, type FileSystem } from '#common/files/file-system.js';

jest.setTimeout(60_000);

/** A file system that has a fault from now on, or none. */
function createSwitchedDisk(): FileSystem & { calls(): number; switch(fault?: Fault): void } {
  const real = createNodeFileSystem();
  let now = createFaultyFileSystem(real);
  const names = Object.keys(real) as (keyof FileSystem)[];
  const forwarded = Object.fromEntries(
    names.map((name) => [name, (...args: unknown[]) => (now[name] as (...all: unknown[]) => unknown)(...args)]),
  ) as unknown as FileSystem;
  return {
    ...forwarded,
    calls: () => now.calls.length,
    switch: (fault) => {
      now = createFaultyFileSystem(real, fault);
    },
  };
}

describe('what an owner may have', () => {
  let dir: string;
  let running: RunningWorker;
  let disk: ReturnType<typeof createSwitchedDisk>;
  /** Echo opens and comes back only when this resolves. */
  let starting: () => Promise<unknown>;
  const clients: LinkClient[] = [];
  const client = (identity: string, parameters: Record<string, string> = {}): LinkClient => {
    const made = new LinkClient({ socket: running.socket, identity, parameters });
    clients.push(made);
    return made;
  };
  const slowEcho = (): PanelDefinition => {
    const echo = createEchoPanel();
    return {
      ...echo,
      open: async (context) => {
        await starting();
        return echo.open(context);
      },
      restore: async (context, state) => {
        await starting();
        if (echo.restore === undefined) throw new Error('The panel cannot come back.');
        return echo.restore(context, state);
      },
    };
  };
  const start = async (): Promise<void> => {
    const sessionsPerOwner = { default: 2, of: {} };
    running = await startRunningWorker({ dir, panel: slowEcho(), fileSystem: disk, sessionsPerOwner });
  };
  /** Makes the panel wait; the latch lets it go on. */
  const hold = (): { readonly held: Latch<void>; readonly go: Latch<void> } => {
    const [held, go] = [createLatch(), createLatch()];
    starting = () => {
      held.resolve();
      return go.promise;
    };
    return { held, go };
  };
  const listed = async (identity: string): Promise<readonly string[]> => {
    const { grpc } = client(identity);
    const metadata = callerMetadata(identity);
    const { sessions } = await ask<ListSessionsResponse>((done) => grpc.listSessions({ panel: '' }, metadata, done));
    return sessions.map(({ sessionId }) => sessionId);
  };
  const end = async (identity: string, sessionId: string): Promise<EndSessionResponse> => {
    const { grpc } = client(identity);
    return ask((done) => grpc.endSession({ sessionId }, callerMetadata(identity), done));
  };
  const outcome = async (opening: Promise<unknown>): Promise<string> => {
    try {
      await opening;
      return 'opened';
    } catch (error) {
      return PaneletError.from(error).code;
    }
  };
  /** Fills what the owner may have, and shows that it was exactly so much. */
  const fillUp = async (identity: string): Promise<void> => {
    const had = (await listed(identity)).length;
    for (let n = had; n < 2; n++) expect(await outcome(client(identity).attach())).toBe('opened');
    expect(await outcome(client(identity).attach())).toBe('LIMIT_EXCEEDED');
    expect(await listed(identity)).toHaveLength(2);
  };

  beforeEach(async () => {
    dir = await temporaryDirectory();
    disk = createSwitchedDisk();
    starting = () => Promise.resolve();
    await start();
  });
  afterEach(async () => {
    disk.switch();
    for (const made of clients.splice(0)) await made.close();
    await running.stop();
    await rm(dir, { recursive: true, force: true });
  });

  test('is the same after an open that fails at any step of its way to the disk', async () => {
    // The first one names this worker on the disk, too.
    await client('somebody').attach();
    disk.switch();
    await client('nobody').attach();
    const steps = disk.calls();
    expect(steps).toBeGreaterThan(5);
    for (let at = 0; at < steps; at++) {
      for (const effect of ['none', 'done'] as const) {
        const identity = `owner-${at}-${effect}`;
        disk.switch({ at, code: 'ENOSPC', lasts: 'once', effect });
        expect(await outcome(client(identity).attach())).not.toBe('LIMIT_EXCEEDED');
        disk.switch();
        await fillUp(identity);
      }
    }
  });

  test('is the same after an open whose panel fails', async () => {
    starting = () => Promise.reject(new PaneletError('PANEL_FAILED', 'No.'));
    expect(await outcome(client('alice').attach())).toBe('PANEL_FAILED');
    starting = () => Promise.resolve();
    await fillUp('alice');
  });

  test('counts a session whose client left while it was opened once, until it is ended', async () => {
    const { held, go } = hold();
    const gone = client('alice');
    const opening = outcome(gone.attach());
    await held.promise;
    await gone.cut();
    go.resolve();
    await opening;
    starting = () => Promise.resolve();
    await waitFor('the session is there', () => running.worker.gate.status().sessions === 1);
    await fillUp('alice');
    await end('alice', gone.sessionId);
    await fillUp('alice');
  });

  test('is the same after a restart, and after a takeover of what came back', async () => {
    const alice = client('alice');
    await alice.attach();
    alice.write(randomBytes(100));
    await alice.echoed();
    await receiptOfDrain(startDrain(running.gate));
    await running.stop();
    await start();
    await fillUp('alice');
    await alice.attach();
    const thief = new LinkClient({
      ...{ socket: running.socket, identity: 'alice', sessionId: alice.sessionId, takeover: true },
      resumeToken: alice.link.resumeToken,
    });
    clients.push(thief);
    await thief.attach();
    await fillUp('alice');
    await end('alice', alice.sessionId);
    await fillUp('alice');
  });

  test('is given back for a session that is ended while it comes back', async () => {
    const alice = client('alice');
    await alice.attach();
    await receiptOfDrain(startDrain(running.gate));
    await running.stop();
    const { held, go } = hold();
    await start();
    const back = outcome(alice.attach());
    await held.promise;
    const ending = end('alice', alice.sessionId);
    // It is in the worker's hands before the panel goes on.
    expect(await listed('alice')).toEqual([alice.sessionId]);
    go.resolve();
    await ending;
    await back;
    expect(await listed('alice')).toEqual([]);
    await alice.over();
    expect(alice.next).toMatchObject({ kind: 'ended' });
  });

  test('is kept on storage when it comes back only after its worker was released', async () => {
    const alice = client('alice');
    await alice.attach();
    await receiptOfDrain(startDrain(running.gate));
    await running.stop();
    // As after a crash: without a checkpoint it begins afresh.
    await rm(join(dir, 'sessions', 'echo', alice.sessionId, 'checkpoint.sealed'));
    const { held, go } = hold();
    await start();
    const back = outcome(alice.attach());
    await held.promise;
    expect((await receiptOfDrain(startDrain(running.gate, { timeoutMs: 300 }))).counts?.remaining).toBe(0);
    go.resolve();
    expect(await back).toBe('WORKER_UNAVAILABLE');
    expect(running.worker.gate.unsafe()).toBe(0);
    expect(await listed('alice')).toEqual([alice.sessionId]);
  });

  test('is never more, however many are opened at once', async () => {
    const outcomes = await Promise.all(Array.from({ length: 12 }, () => outcome(client('alice').attach())));
    expect(outcomes.filter((one) => one === 'opened')).toHaveLength(2);
    expect(new Set(outcomes)).toEqual(new Set(['opened', 'LIMIT_EXCEEDED']));
    await fillUp('alice');
  });

  test('is all his again after a crash that ended what he had', async () => {
    await running.stop();
    const panel: PanelDefinition = { ...createEchoPanel(), checkpointable: false, afterCrash: 'end' };
    const sessionsPerOwner = { default: 2, of: {} };
    const before = await startRunningWorker({ dir, panel, sessionsPerOwner });
    running = before;
    for (let n = 0; n < 2; n++) await client('alice').attach();
    await receiptOfDrain(startDrain(before.gate, { timeoutMs: 100 }));
    await before.stop();
    running = await startRunningWorker({ dir, panel, sessionsPerOwner });
    expect(await listed('alice')).toHaveLength(2);
    expect([await outcome(client('alice').attach()), await outcome(client('alice').attach())]).toEqual([
      'opened',
      'opened',
    ]);
    expect(await outcome(client('alice').attach())).toBe('LIMIT_EXCEEDED');
  });
});
