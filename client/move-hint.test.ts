import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server as TlsServer } from 'node:tls';
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { nodeServerName } from '#common/node-server-name.js';
import { SessionServiceService, type Frames } from '#proto/session/v1/session.js';
import { moveMessage } from '#session/messages/move-message.js';
import { arrive, talkIdentity, talkWorker } from '#session/model/conversation.js';
import { createTestAuthority, type IssuedPair, type TestAuthority } from '#test/support/agent/test-authority.js';
import { waitFor } from '#test/support/wait-for.js';
import { createPaneletClient, type PaneletClient } from './sdk.js';

jest.setTimeout(30_000);

const agentNames = ['panelet-agent', nodeServerName('node-a')];

describe('an address that a worker names', () => {
  let authority: TestAuthority;
  let worker: ReturnType<typeof talkWorker>;
  let hint: string;
  const tokens: string[] = [];
  const agents: Server[] = [];
  let stranger: TlsServer | undefined;
  let client: PaneletClient;

  const issue = (hosts: readonly string[], by = authority): Promise<IssuedPair> =>
    by.issue({ subject: [{ CN: ['agent'] }], hosts });
  /** An agent of the node, with the worker behind it. @returns its port */
  const startAgent = async (host: string, port: number): Promise<number> => {
    const { cert, key } = await issue(agentNames);
    const pair = { cert_chain: Buffer.from(cert), private_key: Buffer.from(key) };
    const server = new Server();
    const attach = (call: ServerDuplexStream<Frames, Frames>): void => {
      tokens.push(`${host} ${String(call.metadata.get('authorization')[0])}`);
      call.once('data', (message: Frames) => {
        const first = worker.attachment === undefined ? { view: undefined } : {};
        for (const answer of arrive({ worker, attachment: host, ...first }, message)) call.write(answer);
        const reattach = { pod: 'p', uid: 'u', address: hint };
        if (hint !== '') call.write(moveMessage(worker.endpoint, { generation: 1, reattach, within: undefined }));
        hint = '';
        call.resume();
      });
    };
    server.addService(SessionServiceService, { attach });
    agents.push(server);
    const credentials = ServerCredentials.createSsl(null, [pair]);
    return new Promise((resolve, reject) => {
      server.bindAsync(`${host}:${port}`, credentials, (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
  };
  const open = (port: number) => {
    const tls = { ca: Buffer.from(authority.pem), serverName: nodeServerName };
    client = createPaneletClient({ address: `127.0.0.1:${port}`, token: 'secret', tls });
    return client.open({ panel: 'echo', sessionId: talkIdentity.sessionId });
  };

  beforeEach(async () => {
    authority = await createTestAuthority('panelet');
    worker = talkWorker();
    tokens.length = 0;
  });
  afterEach(async () => {
    for (const agent of agents.splice(0)) agent.forceShutdown();
    await client.close();
    stranger?.close();
  });

  test('is followed where it proves to be the agent of the node', async () => {
    hint = '127.0.0.2:1';
    const port = await startAgent('127.0.0.1', 0);
    hint = `127.0.0.2:${port}`;
    await startAgent('127.0.0.2', port);
    const session = await open(port);
    await waitFor('it has moved', () => session.stats().moves === 1);
    expect(tokens).toEqual(['127.0.0.1 Bearer secret', '127.0.0.2 Bearer secret']);
  });

  test('is what its client knows from then on: the address that was given is gone with its agent', async () => {
    hint = '';
    const port = await startAgent('127.0.0.1', 0);
    hint = `127.0.0.2:${port}`;
    await startAgent('127.0.0.2', port);
    const session = await open(port);
    await waitFor('it has moved', () => session.stats().moves === 1);
    for (const agent of agents.splice(0)) agent.forceShutdown();
    await waitFor('it is cut', () => session.phase === 'reattaching');
    await startAgent('127.0.0.2', port);
    await waitFor('it is attached again', () => session.stats().resumes === 1);
    expect(tokens.at(-1)).toBe('127.0.0.2 Bearer secret');
    // Calls about no session go there, too; this agent answers that it has none of them.
    await expect(client.listPanels()).rejects.toMatchObject({ code: 'VERSION_UNSUPPORTED' });
  });

  test.each([
    ['another authority has signed for it', async () => issue(agentNames, await createTestAuthority('panelet'))],
    ['it is the agent of another node', () => issue(['panelet-agent', nodeServerName('node-b')])],
  ])('gets nothing where %s', async (_, certificate) => {
    hint = '';
    const port = await startAgent('127.0.0.1', 0);
    let heard = 0;
    let connections = 0;
    stranger = createServer({ ...(await certificate()), ALPNProtocols: ['h2'] }, (socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (bytes: Buffer) => (heard += bytes.length));
    });
    stranger.on('connection', () => (connections += 1));
    stranger.on('tlsClientError', () => undefined);
    stranger.listen(port, '127.0.0.2');
    await once(stranger, 'listening');
    hint = `127.0.0.2:${(stranger.address() as AddressInfo).port}`;
    const session = await open(port);
    await waitFor('the address is tried', () => connections > 0);
    // Then the client's own way, which leads to the agent that it is at, is tried.
    await waitFor('its own way is taken', () => tokens.length > 1);
    expect(heard).toBe(0);
    expect(new Set(tokens)).toEqual(new Set(['127.0.0.1 Bearer secret']));
    expect(session.phase).toBe('attached');
  });
});
