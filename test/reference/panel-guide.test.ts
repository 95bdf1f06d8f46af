import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { parse } from 'yaml';
import { readAgentConfig } from '#agent/config/config.js';
import { createGateClient } from '#client/calls/gate-client.js';
import { createPaneletClient } from '#client/sdk.js';
import { builtPrograms, createAgentHome, type AgentHome } from '#test/support/agent/running-agent.js';
import { echoed } from '#test/support/echoed.js';

jest.setTimeout(120_000);

const guide = readFileSync('docs/guide/a-panel-in-any-language.md', 'utf8');
const blocks = (language: string): readonly string[] =>
  [...guide.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))].map(([, text = '']) => text);
const [manifest = '', config = '', rest = '', values = ''] = blocks('yaml');
const [program = ''] = blocks('python');
const installed = '/opt/panels/echo-python';

describe('the guide to a panel in any language', () => {
  test('shows the example as it is', () => {
    expect(manifest).toBe(readFileSync('examples/panel-python/panel.yaml', 'utf8'));
    expect(program).toBe(readFileSync('examples/panel-python/echo.py', 'utf8'));
  });

  test('names one directory and one command, on a node and in a cluster', () => {
    const { panels } = parse(config) as {
      readonly panels: readonly [{ readonly name: string; readonly command: string[] }];
    };
    const { panels: charted } = parse(values) as {
      readonly panels: Readonly<Record<string, { readonly command: string[] }>>;
    };
    const [{ name, command }] = panels;
    expect(command).toEqual(['panelet-worker', '--exec', installed]);
    expect(charted[name]?.command).toEqual(command);
    expect(blocks('dockerfile')[0]).toContain(`COPY panel.yaml echo.py ${installed}/`);
  });

  test('has a whole configuration to try it with', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'panelet-guide-'));
    try {
      writeFileSync(join(dir, 'agent.yaml'), rest + config);
      const { node, panels } = await readAgentConfig(join(dir, 'agent.yaml'));
      expect([node, panels.map(({ name }) => name)]).toEqual(['here', ['echo-python']]);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

const withPython = spawnSync('python3', ['--version']).status === 0 ? describe : describe.skip;

withPython('the guide, followed to the letter', () => {
  let home: AgentHome;
  afterEach(() => home.remove());

  test('gives followed to the letter, a panel whose sessions go on while their worker is replaced', async () => {
    home = createAgentHome(builtPrograms);
    const directory = join(home.dir, 'echo-python');
    mkdirSync(directory);
    writeFileSync(join(directory, 'panel.yaml'), manifest);
    writeFileSync(join(directory, 'echo.py'), program);
    // What differs here: where the directory is, and that it is closed to other users.
    const local = config.replace(installed, directory);
    const { panels } = parse(local) as { readonly panels: readonly object[] };
    const workerCommand = [process.execPath, builtPrograms.worker];
    home.configure({
      workerCommand,
      panels: panels.map((panel) => ({ ...panel, parameters: { allowSameUser: 'true' } })),
    });
    await home.start();
    const client = createPaneletClient({ address: home.address });
    const gate = createGateClient({ address: home.address });
    try {
      const session = await client.open({ panel: 'echo-python' });
      expect(await echoed(session, 'before')).toBe('before');
      let moved = 0;
      for await (const step of gate.reload({ workers: true, panels: [], changedOnly: false, reason: '' })) {
        moved += step.counts?.moved ?? 0;
      }
      expect(moved).toBe(1);
      expect(await echoed(session, 'after')).toBe('after');
    } finally {
      await client.close();
      gate.close();
    }
  });
});
