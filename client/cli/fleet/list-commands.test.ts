import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { msToTimestamp } from '#common/time/timestamp.js';
import { Session, SessionServiceService } from '#proto/session/v1/session.js';
import { startCli } from '#test/support/cli-run.js';

const dayMs = 86_400_000;

describe('sessions', () => {
  let dir: string;
  let server: Server;
  let port: number;
  let sessions: Session[];
  const run = async (...args: string[]): Promise<string> => {
    const env = { PATH: '/nonexistent', PANELET_ADDRESS: `127.0.0.1:${port}` };
    const ran = startCli(['sessions', ...args], { env, homeDir: dir });
    expect([await ran.ended, ran.text]).toEqual([0, ran.text]);
    return ran.text;
  };
  const sessionOf = (id: string, more: Partial<Session> = {}): Session =>
    Session.fromPartial({
      sessionId: id,
      panel: 'terminal',
      node: 'a',
      owner: 'me',
      details: { command: 'sh' },
      ...more,
    });

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'panelet-sessions-'));
    server = new Server();
    server.addService(SessionServiceService, {
      listSessions: (_call: unknown, callback: (error: null, response: object) => void) => callback(null, { sessions }),
    });
    port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
  });
  afterEach(async () => {
    server.forceShutdown();
    await rm(dir, { recursive: true, force: true });
  });

  test('say when they end whose host was replaced: at a time, or by themselves', async () => {
    // Half a day more, as time goes on meanwhile.
    const endsAt = msToTimestamp(Date.now() + 6.5 * dayMs);
    sessions = [sessionOf('one', { retiring: true, endsAt }), sessionOf('two', { retiring: true }), sessionOf('three')];
    const [heading, one, two, three] = (await run()).split('\n');
    expect(heading).toMatch(/ AGE +ENDS +COMMAND$/);
    expect(one).toMatch(/ in 6d +sh$/);
    expect(two).toMatch(/ by itself +sh$/);
    expect(three).toMatch(/ - +sh$/);
  });

  test('say nothing of it where no host was', async () => {
    sessions = [sessionOf('one')];
    expect(await run()).not.toContain('ENDS');
  });

  test('tell a machine the time itself', async () => {
    const endsAt = msToTimestamp(Date.parse('2027-01-31T03:00:00Z'));
    sessions = [sessionOf('one', { retiring: true, endsAt }), sessionOf('two')];
    expect(JSON.parse(await run('-o', 'json'))).toMatchObject({
      sessions: [
        { sessionId: 'one', retiring: true, endsAt: '2027-01-31T03:00:00Z' },
        { sessionId: 'two', retiring: false, endsAt: null },
      ],
    });
  });
});
