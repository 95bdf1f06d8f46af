import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import { credentials, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  createRawClient,
  echoCall,
  helloBytes,
  statusOfCall,
  type RawClient,
  type RawStream,
} from '#test/support/agent/raw-session.js';
import { aliceToken, startFront, type RunningFront } from '#test/support/agent/running-front.js';
import {
  controllerSubject,
  createTestAuthority,
  type IssuedPair,
  type TestAuthority,
} from '#test/support/agent/test-authority.js';
import { waitFor } from '#test/support/wait-for.js';
import { acceptControllers } from '../access/controller-certificates.js';
import { createChanges, type Changes } from '#common/changes.js';
import type { CertificateSource, TlsMaterial } from '../tls/certificate-source.js';
import type { Caller } from '../access/identity.js';

let authority: TestAuthority;
let material: TlsMaterial;
let changes: Changes;
let front: RunningFront;
let callers: (Caller | string)[];
const running: { close(): unknown }[] = [];

beforeEach(async () => {
  authority = await createTestAuthority('panelet');
  const server = await authority.issue({ subject: [{ CN: ['agent'] }], hosts: ['localhost'] });
  material = { ...server, clientCa: authority.pem };
  changes = createChanges();
  callers = [];
  const source: CertificateSource = {
    ...{ changes, acceptsClientCertificates: true, current: () => material },
    ...{ unready: () => [], reload: () => Promise.resolve(), close: () => undefined },
  };
  const inner = acceptControllers({
    authenticate: ({ authorization }) => ({ name: authorization ?? 'nobody', roles: ['client'] }),
    current: (caller) => caller,
    reload: () => Promise.resolve(),
  });
  front = await startFront({
    attach: echoCall,
    tls: source,
    identity: inner,
    authorizer: {
      check: (caller) => {
        callers.push(caller.name);
        return { allowed: true, reason: '' };
      },
    },
  });
  running.push(front);
});
afterEach(async () => {
  for (const part of running.splice(0).reverse()) await part.close();
});

function connect(pair?: IssuedPair, token?: string): RawClient {
  const root = Buffer.from(authority.pem);
  const ssl =
    pair === undefined
      ? credentials.createSsl(root)
      : credentials.createSsl(root, Buffer.from(pair.key), Buffer.from(pair.cert));
  const address = `localhost:${front.front.port}`;
  const client = createRawClient(address, { credentials: ssl, ...(token === undefined ? {} : { token }) });
  running.push(client);
  return client;
}

async function attach(client: RawClient): Promise<RawStream> {
  const stream = client.open();
  stream.on('error', () => undefined);
  const answer = once(stream, 'data');
  stream.write(helloBytes('echo'));
  await answer;
  return stream;
}

async function nameOf(pair?: IssuedPair, token?: string): Promise<unknown> {
  (await attach(connect(pair, token))).cancel();
  return callers.at(-1);
}

const controller = (by = authority): Promise<IssuedPair> => by.issue({ subject: controllerSubject, usage: 'client' });

describe('a client certificate', () => {
  test('makes a controller of who has one of that organization', async () => {
    expect(await nameOf(await controller())).toBe('panelet-controller');
  });

  test('is not needed', async () => {
    expect(await nameOf(undefined, aliceToken)).toBe(`Bearer ${aliceToken}`);
  });

  const strangers: [string, () => Promise<IssuedPair>][] = [
    ['from somebody else’s authority', async () => controller(await createTestAuthority('stranger'))],
    ['of another organization', () => authority.issue({ subject: [{ O: ['panelet:agents'] }], usage: 'client' })],
    [
      'of two organizations',
      () => authority.issue({ subject: [{ O: ['panelet:controllers'] }, { O: ['x'] }], usage: 'client' }),
    ],
    ['for servers', () => authority.issue({ subject: controllerSubject, usage: 'server' })],
    [
      'that has expired',
      () => authority.issue({ subject: controllerSubject, usage: 'client', notAfter: new Date(Date.now() - 1000) }),
    ],
  ];
  test.each(strangers)('%s counts as none', async (_what, issue) => {
    expect(await nameOf(await issue(), 'some-token')).toBe('Bearer some-token');
  });

  test('counts for no further call once its authority is not trusted any more, and streams go on', async () => {
    const client = connect(await controller());
    const stream = await attach(client);
    const next = await createTestAuthority('next');
    material = { ...material, clientCa: next.pem };
    changes.notify();
    const answer = once(stream, 'data');
    stream.write(Buffer.from('still here'));
    await answer;
    (await attach(client)).cancel();
    expect(callers).toEqual(['panelet-controller', 'nobody']);
    stream.cancel();
  });

  test('counts from the next call on when its authority is trusted later', async () => {
    const next = await createTestAuthority('next');
    const client = connect(await controller(next));
    (await attach(client)).cancel();
    material = { ...material, clientCa: `${authority.pem}\n${next.pem}` };
    changes.notify();
    await waitFor('the connection is given up', () => front.front.connections() === 0);
    (await attach(client)).cancel();
    expect(callers).toEqual(['nobody', 'panelet-controller']);
  });

  test('counts for nothing while no authority is trusted', async () => {
    material = { ...material, clientCa: undefined };
    changes.notify();
    expect(await nameOf(await controller())).toBe('nobody');
  });

  test('is shown at every connection: no session is resumed', async () => {
    const pair = await controller();
    const options = { port: front.front.port, host: 'localhost', ca: authority.pem, ALPNProtocols: ['h2'], ...pair };
    const first = connectTls(options);
    let session: Buffer | undefined;
    first.on('session', (ticket: Buffer) => (session = ticket));
    await once(first, 'secureConnect');
    first.resume();
    await new Promise((resolve) => first.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0', resolve));
    await once(first, 'close', { signal: AbortSignal.timeout(300) }).catch(() => undefined);
    const second = connectTls({ ...options, ...(session === undefined ? {} : { session }) });
    await once(second, 'secureConnect');
    expect(second.isSessionReused()).toBe(false);
    for (const socket of [first, second]) socket.destroy();
  });

  test('that cannot be used leaves the server’s certificate in force', async () => {
    material = { cert: 'broken', key: 'broken', clientCa: authority.pem };
    changes.notify();
    expect(await nameOf(undefined, 'token')).toBe('Bearer token');
  });
});

test('in the clear there are no certificates', async () => {
  const plain = await startFront({ attach: echoCall });
  running.push(plain);
  const client = createRawClient(plain.address);
  running.push(client);
  const stream = client.open();
  const ended = statusOfCall(stream);
  stream.write(helloBytes('echo'));
  expect((await ended).code).toBe(status.UNAUTHENTICATED);
});
