import { readFile } from 'node:fs/promises';
import { request, type RequestOptions } from 'node:https';
import { TLSSocket } from 'node:tls';
import { afterEach, beforeAll, afterAll, describe, expect, test } from '@jest/globals';
import { createTestCertificate, type TestCertificate } from '#test/support/agent/certificate.js';
import { createSilentLog } from '../log.js';
import {
  startMetricsServer,
  type MetricsCertificate,
  type MetricsDecision,
  type MetricsServer,
  type MetricsServerDeps,
} from './metrics-server.js';

let files: TestCertificate;
const running: MetricsServer[] = [];
beforeAll(async () => {
  files = await createTestCertificate('first');
});
afterAll(() => files.close());
afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
});

const read = async (): Promise<MetricsCertificate> => ({
  cert: await readFile(files.certFile),
  key: await readFile(files.keyFile),
});

async function start(change: Partial<MetricsServerDeps> = {}): Promise<MetricsServer> {
  const certificate = await read();
  const server = await startMetricsServer({
    listen: { host: '127.0.0.1', port: 0 },
    certificate: () => certificate,
    authorize: (given) => Promise.resolve(given === 'Bearer good' ? 'allowed' : 'unauthenticated'),
    render: () => Promise.resolve({ contentType: 'text/plain; version=0.0.4', body: 'panelet_connections 3\n' }),
    log: createSilentLog(),
    ...change,
  });
  running.push(server);
  return server;
}

interface Answer {
  readonly code: number | undefined;
  readonly body: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly name: string;
}

function ask(server: MetricsServer, options: RequestOptions = {}, token = 'good'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = token === '' ? {} : { authorization: `Bearer ${token}` };
    const asked = { host: '127.0.0.1', port: server.port, path: '/metrics', rejectUnauthorized: false, agent: false };
    const call = request({ ...asked, headers, ...options } as RequestOptions, (response) => {
      let body = '';
      const { socket } = response;
      const name = socket instanceof TLSSocket ? String(socket.getPeerCertificate().subject.CN) : '';
      response.setEncoding('utf8').on('data', (part: string) => (body += part));
      response.on('end', () => resolve({ code: response.statusCode, body, headers: response.headers, name }));
    });
    call.on('error', reject);
    call.end();
  });
}

describe('the metrics server', () => {
  test('gives the metrics to who may read them', async () => {
    const answer = await ask(await start());
    expect(answer).toMatchObject({ code: 200, body: 'panelet_connections 3\n' });
    expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4');
  });

  const decisions: [MetricsDecision, number][] = [
    ['unauthenticated', 401],
    ['forbidden', 403],
    ['unavailable', 503],
  ];
  test.each(decisions)('gives nothing to who is %s', async (decision, code) => {
    const answer = await ask(await start({ authorize: () => Promise.resolve(decision) }));
    expect(answer.code).toBe(code);
    expect(answer.body).not.toContain('panelet_');
  });

  test('gives nothing when nobody can decide, or the metrics cannot be made', async () => {
    expect((await ask(await start({ authorize: () => Promise.reject(new Error('down')) }))).code).toBe(503);
    expect((await ask(await start({ render: () => Promise.reject(new Error('broken')) }))).code).toBe(500);
  });

  test('has nothing else, not even for who may read metrics', async () => {
    const server = await start();
    expect((await ask(server, { path: '/' })).code).toBe(404);
    expect((await ask(server, { path: '/metrics/x' })).code).toBe(404);
    expect((await ask(server, { method: 'POST' })).code).toBe(404);
  });

  test('says nothing before there is a certificate', async () => {
    const found: MetricsCertificate[] = [];
    const server = await start({ certificate: () => found[0] });
    await expect(ask(server)).rejects.toThrow();
    found.push(await read());
    server.refreshCertificate();
    expect((await ask(server)).code).toBe(200);
  });

  test('takes another certificate up without a restart, and keeps what is in force when that is broken', async () => {
    let certificate = await read();
    const server = await start({ certificate: () => certificate });
    await files.renew('second');
    certificate = await read();
    server.refreshCertificate();
    expect((await ask(server)).name).toBe('second');
    certificate = { cert: 'broken', key: 'broken' };
    server.refreshCertificate();
    expect((await ask(server)).name).toBe('second');
  });
});
