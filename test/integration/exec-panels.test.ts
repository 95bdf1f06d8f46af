import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createGateClient, type GateClient } from '#client/calls/gate-client.js';
import { createPaneletClient, type PaneletClient } from '#client/sdk.js';
import { createSeededRandom } from '#common/random.js';
import { findProcesses, readProcessFile } from '#common/process/process-stat.js';
import { ReloadStep } from '#proto/agent/v1/agent.js';
import {
  builtPrograms,
  connectAgent,
  createAgentHome,
  type AgentHome,
  type AgentProcess,
} from '#test/support/agent/running-agent.js';
import { receiptOfDrain, startDrain } from '#test/support/gate-calls.js';
import { HeardSession } from '#test/support/heard-session.js';
import { waitFor } from '#test/support/wait-for.js';

jest.setTimeout(180_000);

const hasPython = spawnSync('python3', ['--version']).status === 0;

/** A session whose panel gives back what it is sent. */
class Echo extends HeardSession {
  readonly #sent: Buffer[] = [];
  /** Messages that a panel had counted when it was asked last. */
  count = 0;

  get sent(): Buffer {
    return Buffer.concat(this.#sent);
  }

  async write(bytes: Buffer): Promise<void> {
    this.#sent.push(bytes);
    await this.session.write(bytes);
  }

  /** Resolves when as much has come back as was written. @returns whether it is the same */
  async comesBack(): Promise<boolean> {
    await waitFor('all of it comes back', () => this.received.length >= this.sent.length, 60_000);
    return this.received.equals(this.sent);
  }

  async ask(name: string): Promise<string> {
    const before = this.events.length;
    await this.session.send(name, Buffer.alloc(0));
    await waitFor('the panel answers', () => this.events.length > before, 60_000);
    return this.events.at(-1)?.text ?? '';
  }
}

const languages: readonly (readonly [string, string, number])[] = [
  ['python', 'echo-python', 300_000],
  ['shell', 'echo-shell', 20_000],
];

describe.each(languages.filter(([language]) => hasPython || language !== 'python'))(
  'a panel in %s',
  (language, panel, size) => {
    const random = createSeededRandom(size);
    const directory = resolve('examples', `panel-${language}`);
    let home: AgentHome;
    let agent: AgentProcess;
    let client: PaneletClient;
    let gate: GateClient;

    const open = async (): Promise<Echo> => new Echo(await client.open({ panel }));
    const start = (): Promise<AgentProcess> => home.start({ EXEC_TEST: home.dir });
    /** Programs of sessions. */
    const programs = (): readonly number[] =>
      findProcesses((pid) => {
        const environment = readProcessFile(pid, 'environ');
        return environment.includes(`EXEC_TEST=${home.dir}\0`) && environment.includes('PANELET_PROCESS=');
      })
        .filter(({ pid, sessionId }) => pid === sessionId)
        .map(({ pid }) => pid);
    /** What the panel has counted. @returns whether nothing that was written is missing in it */
    const counted = async (echo: Echo): Promise<boolean> => {
      if (language === 'shell') {
        const before = echo.count;
        echo.count = Number(await echo.ask('count'));
        return echo.count > before;
      }
      const told = JSON.parse(await echo.ask('digest')) as { readonly bytes: number; readonly crc32: number };
      return told.bytes === echo.sent.length && told.crc32 === crc32(echo.sent);
    };

    beforeEach(async () => {
      const command = [process.execPath, builtPrograms.worker, '--exec', directory];
      home = createAgentHome(builtPrograms, {
        panels: [{ name: panel, command, beside: true, parameters: { allowSameUser: 'true' } }],
      });
      agent = await start();
      client = createPaneletClient({ address: home.address });
      gate = createGateClient({ address: home.address });
    });
    afterEach(async () => {
      await client.close();
      gate.close();
      home.remove();
    });

    test('goes on, exactly, over a restart of its worker', async () => {
      const echoes = [await open(), await open()];
      for (const echo of echoes) await echo.write(Buffer.from(random.bytes(size)));
      for (const echo of echoes) expect(await echo.comesBack()).toBe(true);
      expect(await Promise.all(echoes.map(counted))).toEqual([true, true]);
      const raw = connectAgent(home.address);
      const { counts } = await receiptOfDrain(startDrain(raw.gate, { noticeMs: 0 }));
      raw.close();
      expect(counts).toMatchObject({ checkpointed: 2, forced: 0, remaining: 0 });
      agent.child.kill('SIGTERM');
      await agent.exited;
      for (const { pid } of home.workers(panel)) process.kill(pid, 'SIGKILL');
      await waitFor('no program is left', () => programs().length === 0);
      agent = await start();
      for (const echo of echoes) {
        await echo.write(Buffer.from(random.bytes(size)));
        expect(await echo.comesBack()).toBe(true);
      }
      expect(await Promise.all(echoes.map(counted))).toEqual([true, true]);
      expect(echoes.map(({ losses, incarnation }) => [losses, incarnation])).toEqual([
        [0, 2],
        [0, 2],
      ]);
    });

    test('goes on, live, in the worker that takes the place of another', async () => {
      const echo = await open();
      await echo.write(Buffer.from(random.bytes(size)));
      const steps: string[] = [];
      let moved = 0;
      for await (const step of gate.reload({ workers: true, panels: [panel], changedOnly: false, reason: '' })) {
        steps.push(ReloadStep[step.step]);
        moved += step.counts?.moved ?? 0;
      }
      expect([steps, moved]).toEqual([['STARTED', 'SERVES', 'RETIRED'], 1]);
      await echo.write(Buffer.from(random.bytes(size)));
      expect(await echo.comesBack()).toBe(true);
      expect(await counted(echo)).toBe(true);
      expect([echo.losses, echo.incarnation]).toEqual([0, 2]);
      // That of the worker before has ended.
      await waitFor('one program is left', () => programs().length === 1);
    });
  },
);
