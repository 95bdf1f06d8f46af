import { fork } from 'node:child_process';
import { resolve } from 'node:path';
import type { Target } from './peer.js';

/** What an attacker is told to do. */
export interface AttackerOrder {
  readonly attack: string;
  readonly target: Target;
  readonly token?: string | undefined;
  readonly maxConnections: number;
}

/** An attacker at work. */
export interface Attacker {
  /** What it has done so far. */
  counts(): Readonly<Record<string, number>>;
  /** Ends it; its connections are cut. */
  stop(): Promise<void>;
}

/** Starts dist/bin/panelet-attacker.js, which `npm run bundle` builds. */
export function startAttacker(order: AttackerOrder): Attacker {
  const child = fork(resolve('dist/bin/panelet-attacker.js'), [JSON.stringify(order)], { execArgv: [] });
  let counts: Readonly<Record<string, number>> = {};
  child.on('message', (message) => {
    counts = message as Readonly<Record<string, number>>;
  });
  const gone = new Promise<void>((done) => child.once('exit', () => done()));
  return {
    counts: () => counts,
    stop: async () => {
      if (child.connected) child.send('stop');
      // One that is busy hears it late.
      const timer = setTimeout(() => child.kill('SIGKILL'), 1000);
      await gone;
      clearTimeout(timer);
    },
  };
}
