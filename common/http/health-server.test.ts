import { afterEach, describe, expect, test } from '@jest/globals';
import { startHealthServer, type HealthServer, type HealthServerDeps } from './health-server.js';

const running: HealthServer[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
});

type Ask = (path: string, method?: string) => Promise<[number, string]>;

async function start(deps: Omit<HealthServerDeps, 'listen'>): Promise<Ask> {
  const server = await startHealthServer({ listen: { host: '127.0.0.1', port: 0 }, ...deps });
  running.push(server);
  return async (path, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method });
    return [response.status, await response.text()];
  };
}

describe('the health server', () => {
  test('says that it lives whether or not it is ready, and why it is not', async () => {
    const reasons = ['There is no certificate yet.', 'The worker of panel "logs" does not answer.'];
    const ask = await start({ unready: () => reasons });
    expect(await ask('/livez')).toEqual([200, 'ok\n']);
    expect(await ask('/healthz')).toEqual([200, 'ok\n']);
    expect(await ask('/readyz')).toEqual([503, `${reasons.join('\n')}\n`]);
    reasons.length = 0;
    expect(await ask('/readyz?verbose')).toEqual([200, 'ok\n']);
  });

  test('says what only a restart repairs', async () => {
    const ask = await start({ unready: () => [], dead: () => ['Stuck.'] });
    expect(await ask('/livez')).toEqual([503, 'Stuck.\n']);
    expect(await ask('/healthz')).toEqual([503, 'Stuck.\n']);
  });

  test('has nothing else', async () => {
    const ask = await start({ unready: () => [] });
    for (const path of ['/', '/metrics', '/livez/x', '//livez']) expect((await ask(path))[0]).toBe(404);
    expect((await ask('/readyz', 'POST'))[0]).toBe(404);
  });

  test('names the address that is taken', async () => {
    await start({ unready: () => [] });
    const listen = { host: '127.0.0.1', port: running[0]!.port };
    await expect(startHealthServer({ listen, unready: () => [] })).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      message: expect.stringContaining(`127.0.0.1:${listen.port}`) as unknown,
    });
  });
});
