import { renameSync, writeFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';

/** How a file is replaced. */
export interface ReplaceOptions {
  /** @default 0600 */
  readonly mode?: number;
  /** Where it is written first. @default beside its place, with the ending `.new` */
  readonly aside?: string;
}

/**
 * Puts a file in place in one step: a reader, and whoever comes after a crash of this process, finds the old content or all
 * of the new. A power cut may lose it; `writeDurably` does not.
 */
export async function replaceFile(path: string, content: string, options: ReplaceOptions = {}): Promise<void> {
  const { mode = 0o600, aside = `${path}.new` } = options;
  await writeFile(aside, content, { mode });
  await rename(aside, path);
}

/** As {@link replaceFile}, before it returns. */
export function replaceFileSync(path: string, content: string, options: ReplaceOptions = {}): void {
  const { mode = 0o600, aside = `${path}.new` } = options;
  writeFileSync(aside, content, { mode });
  renameSync(aside, path);
}
