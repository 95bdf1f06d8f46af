import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { isPaneletError } from '#common/errors/errors.js';
import { createSeededRandom, type Random } from '#common/random.js';
import { OnTimeout } from '#proto/gate/v1/gate.js';
import { ResumeOutcome } from '#proto/session/v1/session.js';
import { waitFor } from '#test/support/wait-for.js';
import { command, startDrain, uncordon } from '#test/support/gate-calls.js';
import { LinkClient } from '#test/support/link-client.js';
import { startRunningWorker, temporaryDirectory, type RunningWorker } from '#test/support/running-worker.js';

const seed = Number(process.env['PANELET_SEED'] ?? 1);
const rounds = Number(process.env['PANELET_ROUNDS'] ?? 12);
const sessions = Number(process.env['PANELET_SESSIONS'] ?? 8);

/** Writes and re-attaches until told to stop, whatever happens to its worker. */
async function live(client: LinkClient, random: Random, going: () => boolean): Promise<void> {
  while (going()) {
    if (client.call === undefined) {
      await client.attach().catch((error: unknown) => {
        const isPassing = ['WORKER_UNAVAILABLE', 'TRANSPORT_LOST'].some((code) => isPaneletError(error, code as never));
        if (!isPassing && client.call !== undefined) throw error;
      });
    }
    if (client.writtenBytes - client.receivedBytes < 400_000)
      client.write(randomBytes(1 + Math.floor(random.number() * 20_000)));
    if (random.number() < 0.05) await client.cut();
    await new Promise((resolve) => setTimeout(resolve, random.number() * 10));
  }
}

jest.setTimeout(240_000);

describe('a worker over many restarts', () => {
  let dir: string;
  let running: RunningWorker;

  beforeEach(async () => {
    dir = await temporaryDirectory();
    running = await startRunningWorker({ dir });
  });
  afterEach(async () => {
    await running.stop();
    await rm(dir, { recursive: true, force: true });
  });

  test(`loses, repeats and reorders nothing (seed ${seed})`, async () => {
    const random = createSeededRandom(seed);
    const clients = Array.from({ length: sessions }, () => new LinkClient({ socket: running.socket }));
    let isGoing = true;
    const lives = clients.map((client, at) => live(client, createSeededRandom(seed * 1000 + at), () => isGoing));
    for (let round = 1; round <= rounds; round++) {
      await new Promise((resolve) => setTimeout(resolve, random.number() * 200));
      const by = command(`restart-${round}`);
      const noticeMs = random.number() < 0.5 ? 0 : random.number() * 200;
      const drain = startDrain(running.gate, { command: by, noticeMs, onTimeout: OnTimeout.ABORT });
      if (random.number() < 0.5) {
        await new Promise((resolve) => setTimeout(resolve, random.number() * 150));
        drain.abandon();
        await uncordon(running.gate, by);
      } else {
        await drain.done;
        await running.stop();
        running = await startRunningWorker({ dir });
      }
    }
    isGoing = false;
    await Promise.all(lives);
    for (const client of clients) {
      for (let tries = 0; client.call === undefined && tries < 500; tries++) {
        await client.attach().catch(() => new Promise((resolve) => setTimeout(resolve, 20)));
      }
      await waitFor('everything is back', () => client.receivedBytes >= client.writtenBytes, 30_000);
    }
    expect(clients.every((client) => client.isExact)).toBe(true);
    expect(clients.flatMap((client) => client.losses)).toEqual([]);
    const outcomes = clients.flatMap(({ effects }) =>
      effects.map((e) => (e.kind === 'welcomed' ? e.outcome : undefined)),
    );
    expect(outcomes).not.toContain(ResumeOutcome.ROLLED_BACK);
    for (const client of clients) await client.close();
  });
});
