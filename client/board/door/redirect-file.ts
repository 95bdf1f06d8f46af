import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { rmSync } from 'node:fs';
import { join } from 'node:path';

/** A file that leads a browser to an address which nobody else may see; programs' arguments are visible to everybody. */
export interface RedirectFile {
  readonly path: string;
  /** Removes it and its directory. Twice is fine. */
  remove(): Promise<void>;
  /** As `remove`, before it returns. */
  removeNow(): void;
}

function quoted(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** Writes the file, mode 0600, into a directory of its own below `parent`, mode 0700. */
export async function createRedirectFile(parent: string, address: string): Promise<RedirectFile> {
  const directory = await mkdtemp(join(parent, 'panelet-board-'));
  const path = join(directory, 'open.html');
  const page = `<!doctype html>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0;url=${quoted(address)}">
<title>Panelet</title>
<a href="${quoted(address)}">To the board</a>
`;
  // As mkdtemp makes it, and said again: whatever the umask is.
  await chmod(directory, 0o700);
  await writeFile(path, page, { mode: 0o600, flag: 'wx' });
  return {
    path,
    remove: () => rm(directory, { recursive: true, force: true }),
    removeNow: () => rmSync(directory, { recursive: true, force: true }),
  };
}
