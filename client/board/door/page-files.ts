import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { systemCode } from '#common/errors/storage-error.js';
import { PaneletError } from '#common/errors/errors.js';

/** A file of the page. */
export interface PageFile {
  readonly type: string;
  readonly content: Buffer;
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
};

const firstPage = 'index.html';

/**
 * The files of the page by their paths, `/` for index.html; read once, so that no request names a file.
 * @throws CONFIG_INVALID where they are missing
 */
export async function readPageFiles(directory: string): Promise<ReadonlyMap<string, PageFile>> {
  try {
    const names = (await readdir(directory)).filter((name) => types[extname(name)] !== undefined);
    const files = await Promise.all(
      names.map(async (name): Promise<readonly [string, PageFile]> => {
        const content = await readFile(join(directory, name));
        return [name === firstPage ? '/' : `/${name}`, { type: types[extname(name)] ?? '', content }];
      }),
    );
    const found = new Map(files);
    if (found.has('/')) return found;
  } catch (cause) {
    if (systemCode(cause) !== 'ENOENT') throw cause;
  }
  const message = `The page of the board is not in ${directory}. Install Panelet anew; from its sources: npm run bundle.`;
  throw new PaneletError('CONFIG_INVALID', message);
}
