import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { connect as connectHttp2, constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { makeGenericClientConstructor, credentials, status, type ServiceError } from '@grpc/grpc-js';
import {
  AttachMode,
  Channel,
  Frames,
  type Hello,
  type ListSessionsResponse,
  type Session,
} from '#proto/session/v1/session.js';
import type { HandoffResponse } from '#proto/worker/v1/worker.js';
import { waitFor } from '#test/support/wait-for.js';
import { ask } from '#test/support/gate-calls.js';
import { callerMetadata, clientOptions, LinkClient, type LinkClientOptions } from '#test/support/link-client.js';
import { readStatusDetails } from '#test/support/read-status-details.js';
import { temporaryDirectory } from '#test/support/running-worker.js';
import { openFiles, residentBytes, spawnWorker, type WorkerProcess } from '#test/support/worker-process.js';
import { sessionServiceDefinition } from '#worker/services/session-service.js';

const mebibyte = 1024 * 1024;

jest.setTimeout(60_000);

describe('a worker among hostile clients', () => {
  let dir: string;
  let worker: WorkerProcess;
  const clients: LinkClient[] = [];
  const client = (options: Partial<LinkClientOptions> = {}): LinkClient => {
    const made = new LinkClient({ socket: worker.socket, ...options });
    clients.push(made);
    return made;
  };
  const bystander = async (): Promise<() => Promise<void>> => {
    const one = client();
    await one.attach();
    return async () => {
      one.write(randomBytes(10_000));
      await one.echoed();
      expect(one.isExact).toBe(true);
      expect(one.call).toBeDefined();
    };
  };

  beforeEach(async () => {
    dir = await temporaryDirectory();
    worker = spawnWorker({ dir, args: ['--max-sessions', '40'] });
    await worker.ready;
  });
  afterEach(async () => {
    for (const made of clients.splice(0)) await made.close();
    await worker.end();
    await rm(dir, { recursive: true, force: true });
  });

  const listSessions = async (): Promise<Session[]> => {
    const { grpc } = client();
    const request = { panel: '' };
    const answer = await ask<ListSessionsResponse>((done) => grpc.listSessions(request, callerMetadata(), done));
    return answer.sessions;
  };

  /** Begins an Attach as the relay of an agent does: HTTP/2 without gRPC around it. */
  const attachRaw = (agent: ClientHttp2Session, parameters: Record<string, string>): ClientHttp2Stream => {
    const request = agent.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: '/panelet.session.v1.SessionService/Attach',
      'content-type': 'application/grpc',
      te: 'trailers',
      'panelet-identity': 'alice',
      'panelet-roles': 'client',
    });
    request.on('error', () => undefined);
    const body = Buffer.from(Frames.encode(client({ parameters }).link.hello('nonce')).finish());
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(body.length, 1);
    request.write(Buffer.concat([prefix, body]));
    return request;
  };

  /** Sends raw bytes as messages on one Attach and tells how the RPC ended. */
  const raw = async (messages: readonly Buffer[]): Promise<ServiceError> => {
    const Raw = makeGenericClientConstructor(sessionServiceDefinition, 'panelet.session.v1.SessionService');
    const grpc = new Raw(`unix:${worker.socket}`, credentials.createInsecure(), clientOptions);
    const call = (grpc['attach'] as LinkClient['grpc']['attach']).call(grpc, callerMetadata());
    const ended = new Promise<ServiceError>((resolve) => call.on('error', resolve));
    call.on('data', () => undefined);
    for (const message of messages) call.write(message as never);
    const error = await ended;
    grpc.close();
    return error;
  };

  test('answers bad and oversized messages with INVALID_ARGUMENT on that RPC alone', async () => {
    const isWell = await bystander();
    const hello = (): Buffer => Buffer.from(Frames.encode(client().link.hello('nonce')).finish());
    const seq = (frames: Frames['frames']): Buffer =>
      Buffer.from(Frames.encode({ ack: 0, credit: 0, frames }).finish());
    const data = (seqOf: number, sizeBytes: number): Frames['frames'][number] => ({
      seq: seqOf,
      kind: { $case: 'data', value: { channel: Channel.STDIN, payload: Buffer.alloc(sizeBytes) } },
    });
    const event = (seqOf: number, name: string, sizeBytes: number): Frames['frames'][number] => ({
      seq: seqOf,
      kind: {
        $case: 'event',
        value: { kind: { $case: 'panel', value: { name, payload: Buffer.alloc(sizeBytes) } } },
      },
    });
    const named = (change: Partial<Hello>): Buffer => {
      const message = client().link.hello('nonce');
      const [first] = message.frames;
      if (first?.kind?.$case !== 'hello') throw new Error('no Hello');
      const value = { ...first.kind.value, ...change };
      return seq([{ seq: 0, kind: { $case: 'hello', value } }]);
    };
    const bad: readonly (readonly Buffer[])[] = [
      [Buffer.from('not a message')],
      [seq([data(1, 1)])],
      [hello(), Buffer.alloc(3_000, 0xff)],
      [hello(), Buffer.alloc(3_000, 4)],
      [hello(), Buffer.alloc(3_000)],
      [hello(), Buffer.alloc(200 * 1024)],
      [hello(), Buffer.alloc(2 * mebibyte)],
      [
        hello(),
        Buffer.from(
          Frames.encode({
            ack: 0,
            credit: 0,
            frames: Array.from({ length: 40 }, (_, i) => data(i + 1, 60 * 1024)),
          }).finish(),
        ),
      ],
      [hello(), seq([data(1, 70 * 1024)])],
      [hello(), seq([data(7, 1)])],
      [hello(), seq([data(1, 0)])],
      [hello(), seq([event(1, 'x'.repeat(257), 0)])],
      [hello(), seq([event(1, 'x', 4097)])],
      [hello(), seq(Array.from({ length: 129 }, (_, index) => event(index + 1, 'digest', 0)))],
      [named({ clientId: 'x'.repeat(129) })],
      [named({ attachNonce: '' })],
      [named({ sessionId: 'x' })],
      [hello(), hello()],
      [hello(), Buffer.from(Frames.encode({ ack: 99, credit: 0, frames: [] }).finish())],
    ];
    for (const messages of bad) {
      const error = await raw(messages);
      expect(error.code).toBe(status.INVALID_ARGUMENT);
      const details = readStatusDetails(error.metadata);
      expect(details.badField?.description).toBe(error.details);
    }
    await isWell();
  });

  test('tells what is wrong with a parameter however long it is: an answer too long to arrive would be tried again for ever', async () => {
    const isWell = await bystander();
    const long = 'x'.repeat(100_000);
    for (const parameters of [{ [long]: '1' }, { mode: long }]) {
      const error = await raw([Buffer.from(Frames.encode(client({ parameters }).link.hello('nonce')).finish())]);
      expect(error.metadata.get('panelet-reason')).toEqual(['PANEL_FAILED']);
      expect(error.code).toBe(status.FAILED_PRECONDITION);
      expect(error.details).toMatch(/^Wrong parameters for panel echo: /);
    }
    await isWell();
  });

  test('refuses a client that floods past its credit; its session survives', async () => {
    const isWell = await bystander();
    const alice = client({ parameters: { mode: 'sink', pauseMs: '100000' } });
    await alice.attach();
    alice.isTolerant = true;
    const payload = Buffer.alloc(60 * 1024);
    const flood = (): void => {
      for (let seq = 1; seq < 20 && alice.call !== undefined; seq++) {
        alice.call.write({
          ack: 0,
          credit: 0,
          frames: [{ seq, kind: { $case: 'data', value: { channel: Channel.STDIN, payload } } }],
        });
      }
    };
    flood();
    await alice.over();
    expect(alice.next).toMatchObject({ kind: 'failed', code: 'CREDIT_EXCEEDED' });
    const sessions = await listSessions();
    expect(sessions.find(({ sessionId }) => sessionId === alice.sessionId)).toMatchObject({ attached: false });
    await isWell();
  });

  test('stays small while clients never read', async () => {
    const isWell = await bystander();
    const before = await residentBytes(worker.pid);
    const deaf = Array.from({ length: 20 }, () => client({ parameters: { mode: 'source', totalBytes: '0' } }));
    for (const one of deaf) {
      await one.attach();
      one.call?.pause();
    }
    let most = 0;
    for (let look = 0; look < 20; look++) {
      most = Math.max(most, await residentBytes(worker.pid));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await isWell();
    expect(most - before).toBeLessThan(20 * 4 * mebibyte);
  });

  test('cuts the RPC of a client that takes nothing, so that nobody waits for it for ever', async () => {
    const agent = connectHttp2('http://panelet', { createConnection: () => connectSocket(worker.socket) });
    const stream = attachRaw(agent, { mode: 'source', totalBytes: '0' });
    stream.pause();
    const cut = new Promise<void>((resolve) => stream.on('close', resolve));
    await waitFor('something has come', () => stream.readableLength > 0);
    const request = { reason: 'the agent goes', retryAfter: undefined, agentInstance: '', within: undefined };
    const answer = await ask<HandoffResponse>((done) => worker.control.handoff(request, done));
    expect(answer.attachments).toBe(1);
    await cut;
    expect(stream.rstCode).toBe(constants.NGHTTP2_CANCEL);
    agent.close();
  });

  test('lets a takeover win once, and the superseded one does not fight back', async () => {
    const alice = client();
    await alice.attach();
    alice.write(randomBytes(5_000));
    await alice.echoed();
    const { sessionId } = alice;
    const { resumeToken } = alice.link;
    const thief = client({ sessionId, resumeToken, mode: AttachMode.RESUME });
    await expect(thief.attach()).rejects.toMatchObject({ code: 'ATTACH_SUPERSEDED' });
    expect(alice.call).toBeDefined();
    const heir = client({ sessionId, resumeToken, mode: AttachMode.RESUME, takeover: true });
    await heir.attach();
    await alice.over();
    expect(alice.next).toMatchObject({ kind: 'superseded' });
    expect(alice.effects.at(-1)).toMatchObject({ kind: 'detach', attachNonce: heir.link.attachedAs });
    heir.event('digest');
    await waitFor('the digest', () => heir.panelEvents('digest').length > 0);
    expect(heir.panelEvents('digest')[0]).toMatchObject({ bytes: 5_000 });
  });

  test('has one writer at a time while two clients loop on one session', async () => {
    const { sessionId } = client();
    const first = client({ sessionId, takeover: true });
    await first.attach();
    await first.cut();
    const { resumeToken } = first.link;
    const loops = [0, 1].map(async () => {
      let wins = 0;
      for (let round = 0; round < 15; round++) {
        const one = client({ sessionId, resumeToken, mode: AttachMode.RESUME, takeover: true });
        await one.attach().then(
          () => wins++,
          () => undefined,
        );
      }
      return wins;
    });
    const wins = await Promise.all(loops);
    expect(wins[0]! + wins[1]!).toBeGreaterThan(0);
    const attached = clients.filter((one) => one.sessionId === sessionId && one.call !== undefined);
    await waitFor('one is left', () => attached.filter((one) => one.call !== undefined).length <= 1);
  });

  test('gives the same answer to a wrong token, a wrong owner and an unknown session', async () => {
    const alice = client();
    await alice.attach();
    const { sessionId } = alice;
    const { resumeToken } = alice.link;
    const refusals = [
      client({ sessionId, resumeToken: randomBytes(41), mode: AttachMode.RESUME }),
      client({ sessionId, resumeToken, mode: AttachMode.RESUME, identity: 'mallory' }),
      client({ resumeToken, mode: AttachMode.RESUME }),
    ].map((one) => one.attach().catch((error: unknown) => error as Error & { code: string }));
    const answers = await Promise.all(refusals);
    expect(new Set(answers.map((answer) => ('code' in answer ? `${answer.code} ${answer.message}` : '')))).toEqual(
      new Set(['SESSION_UNKNOWN There is no such session, or the token is not for it.']),
    );
    alice.write(randomBytes(100));
    await alice.echoed();
  });

  test('wants an identity', async () => {
    await expect(client({ identity: '' }).attach()).rejects.toMatchObject({ code: 'IDENTITY_MISSING' });
    await expect(client({ roles: 'operator' }).attach()).rejects.toMatchObject({ code: 'IDENTITY_REFUSED' });
  });

  test('names the limit when it has all the sessions it may have', async () => {
    for (let count = 0; count < 40; count++) await client().attach();
    await expect(client().attach()).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });

  test('survives agents that die in the middle of everything', async () => {
    const isWell = await bystander();
    const before = await openFiles(worker.pid);
    for (let round = 0; round < 10; round++) {
      const socket = connectSocket(worker.socket);
      const agent = connectHttp2('http://panelet', { createConnection: () => socket });
      agent.on('error', () => undefined);
      for (let stream = 0; stream < 5; stream++) {
        const request = attachRaw(agent, { mode: 'source', totalBytes: '0' });
        if (stream === 2) request.write(Buffer.from([0, 0, 0, 1, 0, 1]));
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
      socket.destroy();
      agent.destroy();
    }
    await isWell();
    for (let tries = 0; tries < 1_500 && (await openFiles(worker.pid)) > before; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(await openFiles(worker.pid)).toBeLessThanOrEqual(before);
    expect(worker.child.exitCode).toBeNull();
  });
});
