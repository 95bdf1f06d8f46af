import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { createSeededRandom } from '#common/random.js';
import { defaultPanels, writeAgentConfig } from './agent-config.js';
import { openClusterDirectory, type ClusterState } from './cluster-directory.js';
import { readToken, writeIdentities } from './identities.js';
import { chooseSubnet, nodeAddress } from './loopback-subnet.js';

const state: ClusterState = { id: 'abc', subnet: '127.1.2', apiPort: 1, nodes: 2, initialized: false };
let root = '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'panelet-dir-'));
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

describe('directory of a dev cluster', () => {
  test('is private and remembers its state', () => {
    const directory = openClusterDirectory(join(root, 'new'));
    expect(statSync(directory.path).mode & 0o777).toBe(0o700);
    expect(directory.readState()).toBeUndefined();
    directory.writeState(state);
    expect(openClusterDirectory(directory.path).readState()).toEqual(state);
  });

  test('that is a file is refused with a reason', () => {
    writeFileSync(join(root, 'file'), '');
    expect(() => openClusterDirectory(join(root, 'file'))).toThrow(/Cannot use .*file/);
  });

  test('keeps sockets near the root when its own path is long', () => {
    const short = openClusterDirectory(join(root, 'c'));
    expect(short.node(state, 'node-a').run).toBe(join(root, 'c', 'nodes', 'node-a', 'run'));
    const long = openClusterDirectory(join(root, 'x'.repeat(80)));
    expect(long.node(state, 'node-a').run).toBe(join(tmpdir(), 'panelet-abc', 'node-a'));
  });

  test('holds tokens that stay the same, readable by their owner only', () => {
    const { identities, tokens } = openClusterDirectory(join(root, 'c'));
    writeIdentities({ identities, tokens }, createSeededRandom(1));
    const token = readToken(tokens, 'alice');
    expect(token).toMatch(/^[0-9a-f]{64}$/);
    writeIdentities({ identities, tokens }, createSeededRandom(2));
    expect(readToken(tokens, 'alice')).toBe(token);
    expect(statSync(identities).mode & 0o777).toBe(0o600);
    expect(parse(readFileSync(identities, 'utf8'))).toMatchObject({
      identities: expect.arrayContaining([{ name: 'alice', token, roles: ['client'] }]),
    });
  });

  test('leaves an agent configuration that somebody has edited', () => {
    const directory = openClusterDirectory(join(root, 'c'));
    const paths = directory.node(state, 'node-a');
    const options = {
      nodeName: 'node-a',
      address: '127.1.2.10',
      port: 7443,
      gatePort: 7445,
      paths,
      identities: '/i',
      panels: defaultPanels(paths),
      logLevel: 'info',
    };
    writeAgentConfig(options);
    expect(parse(readFileSync(paths.agentConfig, 'utf8'))).toMatchObject({
      ...{ node: 'node-a', listen: '127.1.2.10:7443', gate: { listen: '127.1.2.10:7445' } },
    });
    writeFileSync(paths.agentConfig, 'mine');
    writeAgentConfig(options);
    expect(readFileSync(paths.agentConfig, 'utf8')).toBe('mine');
  });
});

describe('loopback subnet', () => {
  test('gives every node an address of its own', async () => {
    const subnet = await chooseSubnet(createSeededRandom(3), 2, [7443, 7445]);
    expect(subnet).toMatch(/^127\.\d+\.\d+$/);
    expect(nodeAddress(subnet, 1)).toBe(`${subnet}.11`);
  });
});
