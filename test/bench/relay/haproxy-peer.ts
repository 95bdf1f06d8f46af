import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProxyPlace } from './nginx-peer.js';
import type { Argv } from './processes.js';

/** Writes a configuration with one thread; @returns how HAProxy is started. */
export function haproxyArgv(program: string, { dir, port, workerSocket, tls }: ProxyPlace): Argv {
  const file = join(dir, 'haproxy.cfg');
  const bind = tls === undefined ? 'proto h2' : `ssl crt ${tls.bothFile} alpn h2 ssl-min-ver TLSv1.3`;
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
  bind 127.0.0.1:${port} ${bind}
  default_backend worker
backend worker
  server worker unix@${workerSocket} proto h2
`,
  );
  return [program, '-q', '-db', '-f', file];
}
