import { lstat, stat, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { systemCode } from '#common/errors/storage-error.js';
import { makeDirectory } from '#common/files/make-directory.js';
import { PaneletError } from '#common/errors/errors.js';

// sun_path of Linux holds 108 bytes with the final zero; unix(7).
const maxPathBytes = 107;

/**
 * Makes a path ready to be bound: its directory exists with mode 0700, and a socket that a dead process left there is
 * gone. One that somebody answers on is left alone.
 * @throws CONFIG_INVALID for a path that cannot be a socket; ALREADY_RUNNING when somebody serves on it
 */
export async function prepareSocket(path: string): Promise<void> {
  if (Buffer.byteLength(path) > maxPathBytes) {
    throw new PaneletError(
      'CONFIG_INVALID',
      `Socket path ${path} is longer than ${maxPathBytes} bytes. Use a shorter one.`,
    );
  }
  await prepareDirectory(dirname(path));
  const found = await lstat(path).catch((error: unknown) => absent(error, path));
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new PaneletError('CONFIG_INVALID', `${path} exists and is not a socket. Remove it or use another path.`);
  }
  if (await answers(path)) {
    throw new PaneletError('ALREADY_RUNNING', `Somebody serves on ${path} already.`);
  }
  await unlink(path).catch((error: unknown) => absent(error, path));
}

async function prepareDirectory(directory: string): Promise<void> {
  try {
    await makeDirectory(directory, 0o700);
    const { mode } = await stat(directory);
    if ((mode & 0o077) === 0) return;
  } catch (error) {
    throw new PaneletError('CONFIG_INVALID', `Cannot create directory ${directory} for the socket.`, { cause: error });
  }
  throw new PaneletError('CONFIG_INVALID', `Directory ${directory} is open to others; give it mode 0700.`);
}

function absent(error: unknown, path: string): undefined {
  if (systemCode(error) === 'ENOENT') return undefined;
  throw new PaneletError('CONFIG_INVALID', `Cannot use socket path ${path}.`, { cause: error });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false);
      // A full backlog (EAGAIN) means that somebody listens.
      else if (error.code === 'EAGAIN') resolve(true);
      else reject(new PaneletError('CONFIG_INVALID', `Cannot tell who has ${path}.`, { cause: error }));
    });
  });
}
