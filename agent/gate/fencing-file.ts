import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { systemCode } from '#common/errors/storage-error.js';
import { messageOf, PaneletError } from '#common/errors/errors.js';
import { maxFencing } from '#common/fencing-number.js';
import type { Log } from '#common/log.js';
import { createNodeFileSystem } from '#common/files/file-system.js';
import { temporaryPath, writeDurably } from '#common/files/durable-file.js';
import type { FencingStore } from './fencing.js';

const content = z.object({ highest: z.number().int().min(0).max(maxFencing) });

/**
 * The number of the last leader, in `fencing.json` of the state directory, which the agents of a node share. A node without the file, or with one
 * that cannot be read, takes the first number that comes. `writer` tells this agent from the others that live.
 */
export async function openFencingFile(stateDir: string, log: Log, writer: string): Promise<FencingStore> {
  const path = join(stateDir, 'fencing.json');
  const aside = temporaryPath(`${path}.${writer}`);
  return {
    stored: await readStored(path, log),
    read: () => readHighest(path).catch(() => undefined),
    save: async (highest) => {
      try {
        await writeDurably(path, `${JSON.stringify({ highest })}\n`, createNodeFileSystem(), aside);
      } catch (cause) {
        const message = `The number of the leader cannot be stored in ${path}: ${messageOf(cause)}`;
        throw new PaneletError('STATE_DIR_UNUSABLE', message, { cause });
      }
    },
  };
}

async function readStored(path: string, log: Log): Promise<number> {
  try {
    return await readHighest(path);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') {
      log.warn({ err: error, path }, 'The number of the last leader cannot be read; the next one is taken as it comes');
    }
    return 0;
  }
}

async function readHighest(path: string): Promise<number> {
  return content.parse(JSON.parse(await readFile(path, 'utf8'))).highest;
}
