import { createHash } from 'node:crypto';
import type { Clock } from '#common/time/clock.js';
import type { PaneletClient, PaneletSession } from '#client/sdk.js';
import { readGroupedProcess, type ProcessIdentity } from '#devcluster/launcher/proc-fs.js';
import type { Transfer } from '../row.js';

/** What every session of the demo needs. */
export interface SessionDeps {
  readonly client: PaneletClient;
  readonly node: string;
  readonly clock: Clock;
  /** Files of the demo on that node. */
  readonly directory: string;
  readonly seed: number;
}

/** SHA-256 in hex. */
export function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Both ends of a direction whose bytes are at hand. */
export function compareEnds(sent: string | Uint8Array, received: string | Uint8Array): Transfer {
  return {
    sentBytes: Buffer.byteLength(sent),
    sentSha256: sha256(sent),
    receivedBytes: Buffer.byteLength(received),
    receivedSha256: sha256(received),
  };
}

/** The process behind a terminal session, as its worker names it and /proc shows it. */
export async function processBehind(client: PaneletClient, session: PaneletSession): Promise<ProcessIdentity> {
  const listed = (await client.listSessions('terminal')).find((other) => other.sessionId === session.sessionId);
  const stat = readGroupedProcess(Number(listed?.details['pid']));
  if (stat === undefined) throw new Error('The terminal does not tell its process.');
  return { pid: stat.pid, startTime: stat.startTime };
}

/** What runs under that number now, if anything. */
export function processNow(pid: number): ProcessIdentity | undefined {
  const stat = readGroupedProcess(pid);
  return stat === undefined ? undefined : { pid, startTime: stat.startTime };
}

/** Collects what a user of the SDK would have seen go wrong. */
export function watchTrouble(session: PaneletSession): string[] {
  const failures: string[] = [];
  session.on('lost', ({ code, message }) => failures.push(`the client was told of a loss: ${code}, ${message}`));
  session.on('superseded', () => failures.push('another client took the session over'));
  session.on('snapshot', () => failures.push('output was replaced by a picture of the screen'));
  return failures;
}
