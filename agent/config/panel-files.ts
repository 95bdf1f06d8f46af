import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '#common/errors/storage-error.js';
import { messageOf, PaneletError } from '#common/errors/errors.js';

/** What the files of a directory of panels say. */
export interface PanelFiles<Panel> {
  /** In order of their names. */
  readonly panels: readonly { readonly file: string; readonly panel: Panel }[];
  /** Files that cannot be used, each with a sentence that names it: they count as if they were not there. */
  readonly problems: readonly PanelProblem[];
}

/** A file that cannot be used. */
export interface PanelProblem {
  readonly file: string;
  readonly message: string;
}

/**
 * Reads each `*.yaml` of a directory as one panel. One that is wrong costs itself alone.
 * @throws PaneletError CONFIG_INVALID when the directory itself cannot be read
 */
export async function readPanelFiles<Panel>(
  dir: string,
  read: (path: string) => Promise<Panel>,
): Promise<PanelFiles<Panel>> {
  const panels: { file: string; panel: Panel }[] = [];
  const problems: PanelProblem[] = [];
  for (const file of await filesIn(dir)) {
    try {
      await mustBeFile(file);
      panels.push({ file, panel: await read(file) });
    } catch (error) {
      problems.push({ file, message: PaneletError.from(error, 'CONFIG_INVALID').message });
    }
  }
  return { panels, problems };
}

/** Opening a named pipe waits for a writer, and a device may never end: either would hold up all other files for good. */
async function mustBeFile(file: string): Promise<void> {
  const facts = await stat(file).catch((error: unknown) => {
    throw new PaneletError('CONFIG_INVALID', `${file} cannot be read: ${messageOf(error)}`, { cause: error });
  });
  if (!facts.isFile()) throw new PaneletError('CONFIG_INVALID', `${file} cannot be read: it is not a regular file`);
}

async function filesIn(dir: string): Promise<string[]> {
  try {
    const names = await readdir(dir);
    return names
      .filter((name) => name.endsWith('.yaml'))
      .sort()
      .map((name) => join(dir, name));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw new PaneletError('CONFIG_INVALID', `panelsDir: ${dir} cannot be read: ${messageOf(error)}`);
  }
}
