import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { waitFor } from '#test/support/wait-for.js';
import { plainEchoPort } from '../plain-echo.js';

/** Servers of the plain echo, each of which is replaced by another one beside it. */
export interface PlainServers {
  /** For clients: both addresses, one of which is in use. */
  readonly target: string;
  /** Starts another one, calls back once it listens, and has the old one end as SIGTERM does. */
  replace(listens: () => Promise<void>): Promise<void>;
  close(): void;
}

/** Starts the first one, of `panelet-bench-plain-echo`; they are on two addresses of this machine in turns. */
export async function startPlainServers(program: string, hosts: readonly [string, string]): Promise<PlainServers> {
  let starts = 0;
  let current: ChildProcess | undefined;
  const start = async (): Promise<ChildProcess> => {
    const host = hosts[starts++ % 2] ?? '';
    const child = spawn(process.execPath, [program], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, PANELET_POD_IP: host },
    });
    await waitFor('the plain echo', () => answers(host)).catch((error: unknown) => {
      child.kill('SIGKILL');
      throw error;
    });
    return child;
  };
  current = await start();
  return {
    target: `ipv4:${hosts.map((host) => `${host}:${plainEchoPort}`).join()}`,
    replace: async (listens) => {
      const old = current;
      current = await start();
      await listens();
      if (old === undefined) return;
      const gone = once(old, 'exit');
      old.kill('SIGTERM');
      await gone;
    },
    close: () => void current?.kill('SIGKILL'),
  };
}

function answers(host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(plainEchoPort, host);
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
