import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { ResumeOutcome } from '#proto/session/v1/session.js';
import { waitFor } from '#test/support/wait-for.js';
import { LinkClient } from '#test/support/link-client.js';
import { startRunningWorker, type RunningWorker } from '#test/support/running-worker.js';

jest.setTimeout(60_000);

describe('a worker and its clients', () => {
  let running: RunningWorker;
  const clients: LinkClient[] = [];
  const client = (options: Partial<ConstructorParameters<typeof LinkClient>[0]> = {}): LinkClient => {
    const made = new LinkClient({ socket: running.socket, ...options });
    clients.push(made);
    return made;
  };

  beforeEach(async () => {
    running = await startRunningWorker();
  });
  afterEach(async () => {
    for (const made of clients.splice(0)) await made.close();
    await running.stop();
  });

  test('opens a session and returns what it is sent', async () => {
    const alice = client();
    const welcome = await alice.attach();
    expect(welcome.outcome).toBe(ResumeOutcome.NEW);
    expect(welcome.node).toBe('node-a');
    alice.write(randomBytes(300_000));
    await alice.echoed();
    expect(alice.isExact).toBe(true);
  });

  test('goes on after a cut at any byte, exactly', async () => {
    const alice = client();
    await alice.attach();
    for (let round = 0; round < 20; round++) {
      for (let part = 0; part < 20; part++) alice.write(randomBytes(1 + ((round * 977 + part * 131) % 9000)));
      await waitFor('some of it is back', () => alice.receivedBytes > alice.writtenBytes * 0.3);
      await alice.cut();
      alice.write(randomBytes(1000));
      const again = await alice.attach();
      expect(again.outcome).toBe(ResumeOutcome.EXACT);
    }
    await alice.echoed();
    expect(alice.isExact).toBe(true);
  });
});
