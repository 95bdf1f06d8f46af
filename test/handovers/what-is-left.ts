import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { probeSocket } from '#agent/workers/worker-socket.js';
import { processesBelow } from './processes-below.js';

/**
 * What is left below the directory of a node whose agents and workers have all ended: processes, sockets on which somebody listens, which
 * locks are, too, and directories of sessions.
 */
export async function whatIsLeft(directory: string): Promise<readonly string[]> {
  const processes = processesBelow(directory).map(({ pid, words }) => `process ${pid}: ${words.join(' ')}`);
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  const sockets = entries.filter((entry) => entry.isSocket()).map(({ parentPath, name }) => join(parentPath, name));
  const open = await Promise.all(sockets.map(async (path) => ((await probeSocket(path)) === 'open' ? [path] : [])));
  const sessions = readdirSync(join(directory, 'state', 'sessions', 'echo')).filter((name) =>
    /^[0-9a-f-]{36}$/.test(name),
  );
  return [...processes, ...open.flat().map((path) => `open socket ${path}`), ...sessions.map((id) => `session ${id}`)];
}
