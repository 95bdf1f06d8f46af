import { spawn } from 'node:child_process';
import pLimit from 'p-limit';
import { createRedirectFile, type RedirectFile } from '../../board/door/redirect-file.js';
import { tokenLifeMs } from '../../board/door/door-keys.js';
import type { Clock, Timer } from '#common/time/clock.js';

/** Opens addresses in the user's browser, in no program's arguments. */
export interface BrowserOpener {
  /** @returns false where no browser could be started */
  open(address: string): Promise<boolean>;
  /** Removes what led to the last address. */
  forget(): Promise<void>;
}

/** What a browser is opened with. */
export interface BrowserOpenerDeps {
  readonly clock: Clock;
  /** Directories in the first of which, that takes it, the file is made. */
  readonly parents: readonly string[];
  /** @default `open` on macOS, else `xdg-open` */
  readonly program?: string;
}

// What finds no browser says so at once.
const patienceMs = 3_000;

/** Nothing is opened yet. */
export function createBrowserOpener({ clock, parents, program }: BrowserOpenerDeps): BrowserOpener {
  let file: RedirectFile | undefined;
  let timer: Timer | undefined;
  // One after the other, so that no file is made that nothing knows of.
  const turns = pLimit(1);
  const remove = async (): Promise<void> => {
    timer?.stop();
    const old = file;
    file = undefined;
    await old?.remove();
  };
  const forget = (): Promise<void> => turns(remove);
  const replace = async (address: string): Promise<RedirectFile> => {
    await remove();
    file = await createInFirst(parents, address);
    timer = clock.after(tokenLifeMs, () => void forget());
    return file;
  };
  return {
    forget,
    open: async (address) => {
      const { path } = await turns(() => replace(address));
      return start(clock, program ?? (process.platform === 'darwin' ? 'open' : 'xdg-open'), path);
    },
  };
}

/** @throws what the last of the directories says */
async function createInFirst(parents: readonly string[], address: string): Promise<RedirectFile> {
  const [first = '', ...others] = parents;
  try {
    return await createRedirectFile(first, address);
  } catch (error) {
    if (others.length === 0) throw error;
    return createInFirst(others, address);
  }
}

/** It goes on by itself: a browser outlives the board. One that has not failed by then is taken to be open. */
function start(clock: Clock, program: string, path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(program, [path], { stdio: 'ignore', detached: true });
    const timer = clock.after(patienceMs, () => resolve(true));
    child.unref();
    child.on('error', () => {
      timer.stop();
      resolve(false);
    });
    child.on('exit', (code) => {
      timer.stop();
      resolve(code === 0);
    });
  });
}
