import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Argv } from './processes.js';
import type { TlsFiles } from './tls-files.js';

/** Where a proxy listens and forwards to. */
export interface ProxyPlace {
  readonly dir: string;
  readonly port: number;
  readonly workerSocket: string;
  readonly tls: TlsFiles | undefined;
}

/** Writes a configuration with `grpc_pass` and one worker process; @returns how nginx is started. */
export function nginxArgv(program: string, { dir, port, workerSocket, tls }: ProxyPlace): Argv {
  const file = join(dir, 'nginx.conf');
  const temp = (kind: string): string => `${kind}_temp_path ${join(dir, `nginx-${kind}`)};`;
  const certificate =
    tls === undefined
      ? ''
      : `ssl_certificate ${tls.certFile}; ssl_certificate_key ${tls.keyFile}; ssl_protocols TLSv1.3; ssl_session_tickets off;`;
  writeFileSync(
    file,
    `daemon off; worker_processes 1; pid ${join(dir, 'nginx.pid')}; error_log ${join(dir, 'nginx-error.log')} crit;
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_rlimit_nofile 65536;
events { worker_connections 32768; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 1h; client_max_body_size 0;
  client_body_timeout 1h; send_timeout 1h; http2_max_concurrent_streams 10000;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(temp).join(' ')}
  upstream worker { server unix:${workerSocket}; keepalive 64; }
  server {
    listen 127.0.0.1:${port} ${tls === undefined ? '' : 'ssl '}http2; ${certificate}
    location / { grpc_pass grpc://worker; grpc_read_timeout 1h; grpc_send_timeout 1h; grpc_socket_keepalive on; }
  }
}
`,
  );
  return [program, '-e', join(dir, 'nginx-error.log'), '-c', file];
}
