import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials, Metadata } from '@grpc/grpc-js';
import { stringify } from 'yaml';
import { createProcessTable, type ProcessId } from '#agent/workers/process-table.js';
import { unaryCall, type UnaryCallback, type UnaryStart } from '#common/grpc/unary-call.js';
import { GateServiceClient } from '#proto/gate/v1/gate.js';
import { SessionServiceClient } from '#proto/session/v1/session.js';
import { killProcessesBelow } from '../kill-processes.js';
import { waitFor } from '../wait-for.js';

/** Programs of a node, by their files. */
export interface Programs {
  readonly agent: string;
  readonly worker: string;
  /** A worker that only keeps its socket. */
  readonly stub: string;
}

const built = (name: string): string => join(import.meta.dirname, '..', '..', '..', 'dist', 'bin', `${name}.js`);

/** The programs as `npm run bundle` has built them. */
export const builtPrograms: Programs = {
  agent: built('panelet-agent'),
  worker: built('panelet-worker'),
  stub: built('panelet-stub-worker'),
};

/** Directories and configuration of one agent; several processes may use it one after the other. */
export interface AgentHome {
  readonly dir: string;
  readonly host: string;
  readonly port: number;
  readonly address: string;
  readonly configFile: string;
  /** Replaces parts of the configuration. */
  configure(change: Record<string, unknown>): void;
  start(env?: NodeJS.ProcessEnv): Promise<AgentProcess>;
  /** Every agent process that was started, in order. */
  children(): readonly ChildProcess[];
  /** Processes that were started with sockets of this home. */
  workers(panel: string): readonly ProcessId[];
  record(panel: string): { pid: number; startTime: string } | undefined;
  /** What the workers of a panel have written; empty where they have not. */
  workerLog(panel: string): string;
  /** Ends every process that is left, and removes the directories. */
  remove(): void;
}

/** An agent process. */
export interface AgentProcess {
  readonly child: ChildProcess;
  /** Everything written to standard error so far. */
  log(): string;
  /** Resolves with the exit code, or the signal's name. */
  readonly exited: Promise<number | string>;
}

const serves = 'Agent serves';

/** Creates a home with an admin on loopback. */
export function createAgentHome(programs: Programs, change: Record<string, unknown> = {}): AgentHome {
  const dir = mkdtempSync(join(tmpdir(), 'pa-'));
  const host = ownHost();
  const port = 7443;
  const configFile = join(dir, 'agent.yaml');
  mkdirSync(join(dir, 'panels.d'));
  let config: Record<string, unknown> = {
    ...{ node: 'node-a', listen: `${host}:${port}`, runDir: join(dir, 'run'), stateDir: join(dir, 'state') },
    ...{ identity: { insecureLoopback: true }, panelsDir: join(dir, 'panels.d'), gracePeriodSeconds: 5 },
    workerCommand: [process.execPath, programs.stub],
  };
  const table = createProcessTable();
  const started: AgentProcess[] = [];
  const configure = (next: Record<string, unknown>): void => {
    config = { ...config, ...next };
    writeFileSync(configFile, stringify(config));
  };
  const workers = (panel: string): readonly ProcessId[] =>
    table.findByArgument('--socket', join(dir, 'run', 'workers', `${panel}.sock`));
  configure(change);
  return {
    ...{ dir, host, port, configFile, configure, workers },
    address: `${host}:${port}`,
    children: () => started.map(({ child }) => child),
    start: async (env) => {
      const agent = spawnAgent(programs, configFile, env);
      started.push(agent);
      let isOver = false;
      void agent.exited.then(() => (isOver = true));
      // One look for both, so that nothing goes on looking once it has ended.
      await untilText({ ...agent, log: () => (isOver ? serves : agent.log()) }, serves);
      return agent;
    },
    workerLog: (panel) => {
      try {
        return readFileSync(join(dir, 'state', 'logs', `${panel}.log`), 'utf8');
      } catch {
        return '';
      }
    },
    record: (panel) => {
      try {
        return JSON.parse(readFileSync(join(dir, 'run', 'workers', `${panel}.json`), 'utf8')) as ProcessId;
      } catch {
        return undefined;
      }
    },
    remove: () => {
      // Agents and their workers; a worker of an agent that is killed goes on, and may have no socket yet.
      killProcessesBelow(dir);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function spawnAgent(programs: Programs, configFile: string, env: NodeJS.ProcessEnv = {}): AgentProcess {
  const child = spawn(process.execPath, [programs.agent, '--config', configFile], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...env },
  });
  let text = '';
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  const exited = new Promise<number | string>((resolve) =>
    child.once('close', (code, signal) => resolve(code ?? signal ?? '')),
  );
  return { child, exited, log: () => text };
}

/** Waits until the agent's log has a text. */
export async function untilText(agent: AgentProcess, text: string, timeoutMs = 30_000): Promise<void> {
  await waitFor(`log has: ${text}`, () => agent.log().includes(text), timeoutMs).catch((error: unknown) => {
    throw new Error(`${(error as Error).message}\n${agent.log()}`);
  });
}

// Addresses of this machine that no other test uses; ports need not be found then.
function ownHost(): string {
  const part = (): number => randomInt(1, 255);
  return `127.${part()}.${part()}.${part()}`;
}

/** Clients of an agent's services. */
export interface AgentClients {
  readonly session: SessionServiceClient;
  readonly gate: GateServiceClient;
  readonly metadata: Metadata;
  close(): void;
}

/** Connects to an agent. */
export function connectAgent(address: string, token?: string): AgentClients {
  const options = { 'grpc.initial_reconnect_backoff_ms': 50, 'grpc.use_local_subchannel_pool': 1 };
  const session = new SessionServiceClient(address, credentials.createInsecure(), options);
  const gate = new GateServiceClient(address, credentials.createInsecure(), options);
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  return {
    ...{ session, gate, metadata },
    close: () => {
      session.close();
      gate.close();
    },
  };
}

/** Promise of a unary call. @throws its ServiceError */
export function call<Q, S>(
  method: (request: Q, metadata: Metadata, callback: UnaryCallback<S>) => ReturnType<UnaryStart<S>>,
  request: Q,
  metadata = new Metadata(),
): Promise<S> {
  return unaryCall<S>((sent, _options, callback) => method(request, sent, callback), { metadata });
}
