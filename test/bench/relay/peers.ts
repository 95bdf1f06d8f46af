import { spawnSync, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { agentArgv } from './agent-peer.js';
import { haproxyArgv } from './haproxy-peer.js';
import { nginxArgv } from './nginx-peer.js';
import { freePort, type Argv, type Processes } from './processes.js';
import { agentName, beforeName } from './report.js';
import type { TlsFiles } from './tls-files.js';

/** Something between a client and the worker, or nothing. */
export interface Peer {
  readonly name: string;
  /** What a client connects to. */
  readonly address: string;
  /** The same through the delaying proxy; only where a scene has one. */
  readonly delayedAddress?: string;
  /** In the clear where undefined. */
  readonly credentials: ChannelCredentials | undefined;
  /** The process to measure; undefined where there is none. */
  readonly process: ChildProcess | undefined;
}

/** What a peer is given at its start. */
export interface PeerPlace {
  readonly dir: string;
  /** The worker's socket, for everything but an agent, which has its own way of finding it. */
  readonly workerSocket: string;
  /** Where the worker itself listens for clients. */
  readonly workerAddress: string;
  readonly tls: TlsFiles | undefined;
  readonly processes: Processes;
}

/** A kind of peer; each scene starts one of its own. */
export interface PeerKind {
  readonly name: string;
  /** Resolves with where it listens and its process. */
  start(place: PeerPlace): Promise<Pick<Peer, 'address' | 'process'>>;
}

/** Where the programs of the peers are. */
export interface PeerPrograms {
  /** This program: the grpc-js relay is a role of it. */
  readonly self: string;
  readonly agent: string;
  /** Another build of the agent. */
  readonly before: string | undefined;
  /** As the variable PATH. */
  readonly path: string;
}

const packaged = [
  { name: 'nginx', argv: nginxArgv },
  { name: 'haproxy', argv: haproxyArgv },
] as const;

/** Every kind of peer that this machine has, in the order of the tables; says which it has not. */
export function peerKinds(programs: PeerPrograms, say: (line: string) => void): readonly PeerKind[] {
  const node = process.execPath;
  const agent = (name: string, program: string): PeerKind =>
    listening(name, (port, place) => agentArgv(name, [node, program], { ...place, port }));
  const kinds: PeerKind[] = [
    { name: 'direct', start: ({ workerAddress }) => Promise.resolve({ address: workerAddress, process: undefined }) },
    agent(agentName, programs.agent),
  ];
  if (programs.before !== undefined) kinds.push(agent(beforeName, programs.before));
  kinds.push(
    listening('grpc-js relay', (port, { workerSocket, tls }) => {
      const task = JSON.stringify({ port, workerSocket, tls });
      return [node, programs.self, 'role', 'grpc-js', task];
    }),
  );
  for (const { name, argv } of packaged) {
    const program = findProgram(name, programs.path);
    if (program === undefined) say(`${name}: skipped, not installed (apt-get install ${name})`);
    else kinds.push(listening(name, (port, place) => argv(program, { ...place, port })));
  }
  return kinds;
}

function listening(name: string, argvOf: (port: number, place: PeerPlace) => Argv): PeerKind {
  return {
    name,
    start: async (place) => {
      const port = await freePort();
      const child = await place.processes.listening(name, port, argvOf(port, place));
      return { address: `127.0.0.1:${port}`, process: child };
    },
  };
}

function findProgram(name: string, path: string): string | undefined {
  return `${path}:/usr/sbin:/usr/local/sbin`
    .split(':')
    .map((dir) => join(dir, name))
    .find((file) => spawnSync(file, ['-v']).error === undefined);
}
