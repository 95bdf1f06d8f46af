import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { stringify } from 'yaml';
import { isLoopback, readAgentConfig, type AgentConfig, type ConfigOverrides } from './config.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'panelet-config-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function read(change: Record<string, unknown> = {}, overrides?: ConfigOverrides): Promise<AgentConfig> {
  const file = join(dir, 'agent.yaml');
  const base = {
    ...{ node: 'node-a', listen: '127.0.0.1:7443', runDir: '/run/p', stateDir: '/var/p' },
    identity: { insecureLoopback: true },
  };
  writeFileSync(file, stringify({ ...base, ...change }));
  return readAgentConfig(file, overrides);
}

describe('the configuration of an agent', () => {
  test('has defaults for what is not said', async () => {
    const config = await read({ panels: [{ name: 'echo' }] });
    expect(config.listen).toEqual({ host: '127.0.0.1', port: 7443 });
    expect(config.panels).toEqual([{ name: 'echo', target: 'agent', run: 'spawn', parameters: {} }]);
    expect(config.gracePeriodSeconds).toBe(25);
    expect(config.limits.holdMs).toBe(10_000);
  });

  test('takes node and host from the environment of the pod', async () => {
    const config = await read({}, { node: 'node-b', listenHost: '127.0.0.9' });
    expect([config.node, config.listen.host]).toEqual(['node-b', '127.0.0.9']);
  });

  test('goes on to listen everywhere, so that a port-forward gets in', async () => {
    const tls = { certFile: '/c', keyFile: '/k' };
    for (const [listen, host] of [
      ['0.0.0.0:7443', '0.0.0.0'],
      ['[::]:7443', '::'],
    ]) {
      const config = await read({ listen, tls, identity: { file: '/i' } }, { listenHost: '10.0.0.9' });
      expect(config.listen.host).toBe(host);
    }
  });

  describe('with a port for controllers', () => {
    const tls = { certFile: '/c', keyFile: '/k', clientCaFile: '/ca' };
    const away = { listen: '0.0.0.0:7443', tls, identity: { file: '/i' } };

    test.each([
      ['0.0.0.0:7445', '10.0.0.9', '10.0.0.9'],
      ['[::]:7445', 'fd00::9', 'fd00::9'],
      ['10.1.1.1:7445', '10.0.0.9', '10.0.0.9'],
      ['10.1.1.1:7445', undefined, '10.1.1.1'],
    ])('opens %s in the pod %s at %s: never where a port-forward arrives', async (listen, listenHost, host) => {
      const config = await read({ ...away, gate: { listen } }, { listenHost });
      expect(config.gate?.listen).toEqual({ host, port: 7445 });
    });

    test('takes an authority of files or of the cluster', async () => {
      const gate = { listen: '10.0.0.9:7445' };
      expect((await read({ ...away, gate })).gate).toBeDefined();
      expect((await read({ ...away, gate, tls: { kubernetes: {} } })).gate).toBeDefined();
    });

    test('may be in the clear on a loopback address', async () => {
      const config = await read({ gate: { listen: '127.0.0.1:7445' } }, { listenHost: '127.0.0.9' });
      expect(config.gate?.listen).toEqual({ host: '127.0.0.9', port: 7445 });
    });

    test('has none where none is said', async () => {
      expect((await read({}, { listenHost: '127.0.0.9' })).gate).toBeUndefined();
    });
  });

  test('adds the panels of its directory, in order of their files', async () => {
    const panelsDir = join(dir, 'panels.d');
    mkdirSync(panelsDir);
    writeFileSync(join(panelsDir, 'b.yaml'), 'name: two\nparameters: { rows: 24, fast: true }\n');
    writeFileSync(join(panelsDir, 'a.yaml'), 'name: one\n');
    writeFileSync(join(panelsDir, 'note.txt'), 'not a panel');
    const config = await read({ panels: [{ name: 'zero' }], panelsDir });
    expect(config.panels.map(({ name }) => name)).toEqual(['zero', 'one', 'two']);
    expect(config.panels[2]?.parameters).toEqual({ rows: '24', fast: 'true' });
  });

  const wrong: [string, Record<string, unknown>, RegExp][] = [
    ['an unknown key', { nodes: 'x' }, /nodes/],
    ['a bad address', { listen: '7443' }, /listen: must be host:port/],
    ['a relative directory', { runDir: 'run' }, /runDir: must be an absolute path/],
    ['a bad panel name', { panels: [{ name: 'A b' }] }, /panels\[0\]\.name/],
    ['a panel twice', { panels: [{ name: 'a' }, { name: 'a' }] }, /"a" is used twice/],
    ['no identity', { identity: undefined }, /identity: missing/],
    ['no TLS off loopback', { listen: '0.0.0.0:1', identity: { file: '/x' } }, /tls: missing/],
    ['controllers in the clear off loopback', { gate: { listen: '10.0.0.9:7445' } }, /gate: needs certificates/],
    ['controllers in the clear everywhere', { gate: { listen: '0.0.0.0:7445' } }, /gate: needs certificates/],
    [
      'controllers without an authority',
      { gate: { listen: '127.0.0.1:7445' }, tls: { certFile: '/c', keyFile: '/k' } },
      /gate: needs certificates/,
    ],
    ['a bad address for controllers', { gate: { listen: '7445' } }, /gate\.listen: must be host:port/],
    ['everybody an admin off loopback', { listen: '0.0.0.0:1' }, /insecureLoopback: only allowed/],
  ];
  test.each(wrong)('is refused with %s, by the name of the key', async (_what, change, message) => {
    await expect(read(change)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(message) as unknown,
    });
  });

  test('is refused when the file is not there', async () => {
    await expect(readAgentConfig(join(dir, 'none.yaml'))).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

test.each([
  ['127.0.0.1', true],
  ['127.3.2.1', true],
  ['::1', true],
  ['localhost', true],
  ['0.0.0.0', false],
  ['10.0.0.1', false],
  ['example.org', false],
])('%s as loopback: %s', (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});
