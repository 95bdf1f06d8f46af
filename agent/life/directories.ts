import { access, chmod, constants, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory } from '#common/files/make-directory.js';
import { messageOf, PaneletError } from '#common/errors/errors.js';
import { socketDirectories, socketPlaces } from '../workers/socket-places.js';
import { probeSocket } from '../workers/worker-socket.js';
import type { AgentConfig } from '../config/config.js';

// sockaddr_un holds 108 bytes with the terminating zero (unix(7)).
const maxSocketPathBytes = 107;

/**
 * Makes the directories fit for use: private to this user, and writable.
 * @throws PaneletError STATE_DIR_UNUSABLE or CONFIG_INVALID that names the directory and the cause.
 */
export async function prepareDirectories({ runDir, stateDir, panels }: AgentConfig): Promise<void> {
  for (const panel of panels) {
    const [socketPath] = socketPlaces(runDir, panel);
    if (Buffer.byteLength(socketPath) > maxSocketPathBytes) {
      throw new PaneletError(
        'CONFIG_INVALID',
        `runDir: ${socketPath} is too long for a socket; choose a shorter directory.`,
      );
    }
  }
  const socketDirs = new Set([join(runDir, 'workers'), ...panels.flatMap((panel) => socketDirectories(runDir, panel))]);
  for (const dir of [runDir, ...socketDirs, stateDir]) {
    try {
      await makeDirectory(dir, 0o700);
      if (dir !== stateDir) await chmod(dir, 0o700);
      await access(dir, constants.R_OK | constants.W_OK | constants.X_OK);
    } catch (cause) {
      const message = `The directory ${dir} cannot be used: ${messageOf(cause)}`;
      throw new PaneletError('STATE_DIR_UNUSABLE', message, { cause });
    }
  }
}

/** Removes sockets of earlier agents that nobody listens on any more. */
export async function removeStaleSockets(runDir: string): Promise<void> {
  const names = await readdir(runDir);
  for (const name of names.filter((entry) => /^agent-.*\.sock$/.test(entry))) {
    const path = join(runDir, name);
    const probe = await probeSocket(path);
    if (probe !== 'open' && probe.kind === 'absent') await rm(path, { force: true });
  }
}
