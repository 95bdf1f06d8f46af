import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { socketDirectory } from '#agent/workers/socket-directory.js';
import { benchPanel } from './ends.js';

/** Something between a client and the worker, or nothing. */
export interface Peer {
  readonly name: string;
  /** What a client connects to. */
  readonly address: string;
  /** The process to measure; undefined where there is none. */
  readonly process: ChildProcess | undefined;
}

/** Where the benchmark keeps its files, and which program it is. */
export interface BenchPlace {
  readonly dir: string;
  readonly self: string;
  readonly workerSocket: string;
  /** Called with each process as soon as it is started, so that none is left behind. */
  readonly onStart: (child: ChildProcess) => void;
}

/** Starts every peer that this machine has; says which it has not. */
export async function startPeers(place: BenchPlace, say: (line: string) => void): Promise<readonly Peer[]> {
  const peers: Peer[] = [{ name: 'direct', address: `unix:${place.workerSocket}`, process: undefined }];
  peers.push(await startAgent(place));
  peers.push(
    await startListening(place, 'grpc-js relay', (port) => [
      process.execPath,
      place.self,
      'grpc-js',
      String(port),
      place.workerSocket,
    ]),
  );
  for (const [name, argv] of [
    ['nginx', nginxArgv],
    ['haproxy', haproxyArgv],
  ] as const) {
    const program = findProgram(name);
    if (program === undefined)
      say(`${name}: skipped, not installed (apt-get install ${name === 'nginx' ? 'nginx-light' : name})`);
    else peers.push(await startListening(place, name, (port) => argv(program, port, place)));
  }
  return peers;
}

async function startAgent(place: BenchPlace): Promise<Peer> {
  const port = await freePort();
  const configFile = join(place.dir, 'agent.yaml');
  const config = {
    ...{
      node: 'bench',
      listen: `127.0.0.1:${port}`,
      runDir: join(place.dir, 'run'),
      stateDir: join(place.dir, 'state'),
    },
    identity: { insecureLoopback: true },
    panels: [{ name: benchPanel, target: 'host', run: 'external' }],
    limits: { maxStreamsPerConnection: 10_000, maxPendingAttaches: 10_000 },
    log: { level: 'warn' },
  };
  writeFileSync(configFile, stringify(config));
  const program = join(dirname(place.self), 'panelet-agent.js');
  return launch(place, 'agent', port, [process.execPath, program, '--config', configFile]);
}

async function startListening(
  place: BenchPlace,
  name: string,
  argv: (port: number) => readonly string[],
): Promise<Peer> {
  const port = await freePort();
  return launch(place, name, port, argv(port));
}

async function launch({ onStart }: BenchPlace, name: string, port: number, argv: readonly string[]): Promise<Peer> {
  const [command = '', ...rest] = argv;
  const child = spawn(command, rest, { stdio: ['ignore', 'ignore', 'inherit'] });
  onStart(child);
  for (let attempt = 0; attempt < 500 && !(await accepts(port)); attempt++) {
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}.`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { name, address: `127.0.0.1:${port}`, process: child };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function findProgram(name: string): string | undefined {
  const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/local/sbin`;
  return path
    .split(':')
    .map((dir) => join(dir, name))
    .find((file) => spawnSync(file, ['-v']).error === undefined);
}

function nginxArgv(program: string, port: number, { dir, workerSocket }: BenchPlace): readonly string[] {
  const file = join(dir, 'nginx.conf');
  const temp = (kind: string): string => `${kind}_temp_path ${join(dir, `nginx-${kind}`)};`;
  writeFileSync(
    file,
    `daemon off; worker_processes 1; pid ${join(dir, 'nginx.pid')}; error_log ${join(dir, 'nginx.log')} crit;
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_rlimit_nofile 65536;
events { worker_connections 16384; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 1h; client_max_body_size 0;
  client_body_timeout 1h; send_timeout 1h; http2_max_concurrent_streams 10000;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(temp).join(' ')}
  upstream worker { server unix:${workerSocket}; keepalive 64; }
  server {
    listen 127.0.0.1:${port} http2;
    location / { grpc_pass grpc://worker; grpc_read_timeout 1h; grpc_send_timeout 1h; grpc_socket_keepalive on; }
  }
}
`,
  );
  return [program, '-e', join(dir, 'nginx.log'), '-c', file];
}

function haproxyArgv(program: string, port: number, { dir, workerSocket }: BenchPlace): readonly string[] {
  const file = join(dir, 'haproxy.cfg');
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn 4000
  tune.h2.max-concurrent-streams 10000
  tune.h2.initial-window-size 262144
defaults
  mode http
  option http-no-delay
  timeout connect 5s
  timeout client 1h
  timeout server 1h
frontend front
  bind 127.0.0.1:${port} proto h2
  default_backend worker
backend worker
  server worker unix@${workerSocket} proto h2
`,
  );
  return [program, '-q', '-db', '-f', file];
}

/** Makes the directories that the peers expect. */
export function prepareDir(dir: string): string {
  const sockets = socketDirectory(join(dir, 'run'), { run: 'external', target: 'host' });
  mkdirSync(sockets, { recursive: true, mode: 0o700 });
  return join(sockets, `${benchPanel}.sock`);
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
