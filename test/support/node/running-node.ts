import { createHash } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { startAgent, type Agent } from '#agent/agent.js';
import { createProcessTable } from '#agent/workers/process-table.js';
import { createSystemClock } from '#common/time/clock.js';
import { createSystemRandom } from '#common/random.js';
import type { PanelDefinition } from '#worker/panel/panel.js';
import { startPassage } from '../passage.js';
import { temporaryDirectory } from '../running-worker.js';
import { startRestartableWorker, type RestartableWorker } from './restartable-worker.js';

/** A node in this process: a real agent, and a real worker for each panel. */
export interface RunningNode {
  readonly port: number;
  readonly address: string;
  /** The agent's own port, which `kill` does not close. */
  readonly agentPort: number;
  /** Attaches that the agent has let in so far. */
  readonly attaches: number;
  /** Sessions that it was asked to end so far. */
  readonly ends: number;
  /** Installs a panel, as a reload of its configuration does. */
  offer(panel: PanelDefinition): Promise<void>;
  /** The worker of a panel. */
  worker(panel: string): RestartableWorker;
  /** From now on alice has these tokens, and whoever comes with another one is nobody. */
  setTokens(...tokens: string[]): Promise<void>;
  /** Has the agent read its certificate again. */
  reload(): Promise<void>;
  /** Ends every connection at once, as SIGKILL of the agent does; nobody listens any more. */
  kill(): Promise<void>;
  /** Listens again, on the same port. */
  listen(): Promise<void>;
  close(): Promise<void>;
}

/** How the node of a test is set up. */
export interface RunningNodeOptions {
  readonly panels: readonly PanelDefinition[];
  /** Tokens of alice, who is a client. @default `secret` */
  readonly tokens?: readonly string[];
  /** @default in the clear */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
}

/** Starts a node; clients reach it at a free port of 127.0.0.1. */
export async function startRunningNode(options: RunningNodeOptions): Promise<RunningNode> {
  const dir = await temporaryDirectory();
  const workers = new Map<string, RestartableWorker>();
  const identityFile = join(dir, 'identities.json');
  const configFile = join(dir, 'agent.json');
  const configure = (): Promise<void> => {
    const panels = [...workers.keys()].map((name) => ({ name, run: 'external' }));
    return writeConfig(configFile, { dir, identityFile, panels, tls: options.tls });
  };
  const offer = async (panel: PanelDefinition): Promise<void> => {
    const socket = join(dir, 'run', 'workers', panel.name, 'worker.sock');
    workers.set(panel.name, await startRestartableWorker({ panel, dir, socket }));
  };
  for (const panel of options.panels) await offer(panel);
  await writeIdentities(identityFile, options.tokens ?? ['secret']);
  await configure();
  const counts = { attaches: 0, ends: 0 };
  const agent = await startNodeAgent(configFile, ({ method, resource }) => {
    if (method === 'Attach' && resource === 'panels') counts.attaches++;
    if (method === 'EndSession') counts.ends++;
  });
  const passage = await startPassage(0, () => ({ host: '127.0.0.1', port: agent.port }));
  return {
    port: passage.port,
    address: `127.0.0.1:${passage.port}`,
    agentPort: agent.port,
    get attaches() {
      return counts.attaches;
    },
    get ends() {
      return counts.ends;
    },
    offer: async (panel) => {
      await offer(panel);
      await configure();
      await agent.reload();
    },
    worker: (panel) => {
      const found = workers.get(panel);
      if (found === undefined) throw new Error(`The node has no panel ${panel}.`);
      return found;
    },
    setTokens: async (...tokens) => {
      await writeIdentities(identityFile, tokens);
      await agent.reload();
    },
    reload: () => agent.reload(),
    kill: () => passage.block(),
    listen: () => passage.open(),
    close: async () => {
      await passage.block();
      await Promise.all([...workers.values()].map((worker) => worker.close()));
      await agent.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

interface NodeConfig {
  readonly dir: string;
  readonly identityFile: string;
  readonly panels: readonly object[];
  readonly tls: RunningNodeOptions['tls'];
}

async function writeConfig(file: string, { dir, identityFile, panels, tls }: NodeConfig): Promise<void> {
  const config = {
    ...{ node: 'node-a', listen: '127.0.0.1:0', runDir: join(dir, 'run'), stateDir: join(dir, 'state') },
    ...{ identity: { file: identityFile }, tls, limits: { callsPerSecond: 10_000 }, panels, gracePeriodSeconds: 1 },
  };
  // YAML has all of JSON.
  await writeFile(file, JSON.stringify(config));
}

/** A call that the agent has written down. */
interface AuditedCall {
  readonly method?: string;
  readonly resource?: string;
}

/** The agent, which finds its workers at their sockets and starts none. */
function startNodeAgent(configFile: string, onCall: (call: AuditedCall) => void): Promise<Agent> {
  return startAgent({
    ...{
      configFile,
      overrides: {},
      pod: { name: '', uid: '', namespace: '', ip: undefined },
      clusterAccess: undefined,
    },
    ...{ version: '0.0.0', workerCommand: [], env: {}, table: createProcessTable() },
    launch: () => Promise.reject(new Error('Workers of a test are started by the test.')),
    log: pino(
      { level: 'info' },
      {
        write: (line) => {
          const { audit, ...call } = JSON.parse(line) as AuditedCall & { readonly audit?: boolean };
          if (audit === true) onCall(call);
        },
      },
    ),
    clock: createSystemClock(),
    random: createSystemRandom(),
    signal: new AbortController().signal,
  });
}

async function writeIdentities(file: string, tokens: readonly string[]): Promise<void> {
  const identities = tokens.map((token) => ({
    name: 'alice',
    tokenSha256: createHash('sha256').update(token).digest('hex'),
    roles: ['client'],
  }));
  await writeFile(file, JSON.stringify({ identities }));
}
