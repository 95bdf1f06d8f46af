import { existsSync } from 'node:fs';
import { hexOf } from '#common/hex.js';
import { createLatch } from '#common/time/latch.js';
import type { OwnerAccount, OwnerAccounts } from '../../owners/owner-accounts.js';
import type { ComingSession } from '../../panel/panel.js';
import type { PanelManifest } from './manifest.js';
import { startPanelProcess, type PanelProcessListener, type PanelProgram } from './panel-process.js';

/** What starting the programs of a panel needs. */
export interface StartProgramDeps {
  readonly manifest: PanelManifest;
  /** Environment of this process; programs get it without what is Panelet's own. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Gives each owner an account of his own. @default programs run as the worker's user */
  readonly accounts?: OwnerAccounts | undefined;
}

/** The program of a session, whose first message nobody has sent yet. */
export interface StartedProgram {
  readonly pid: number;
  /** As `PanelProcess.write`. */
  write(bytes: Uint8Array): Promise<void>;
  /** Resolves when it has said something, or has ended. */
  readonly up: Promise<void>;
  readonly isGone: boolean;
  /** Tells from now on, and first what there was before. Once. */
  listenAs(listener: PanelProcessListener): void;
  /** As `PanelProcess.end`; then its owner's account is left. Idempotent. */
  end(exitMs: number): Promise<void>;
}

/** Starts it, as the owner's user where owners have one. @throws PANEL_FAILED, and what `OwnerAccounts.enter` throws */
export async function startProgram(deps: StartProgramDeps, coming: ComingSession): Promise<StartedProgram> {
  const account = await deps.accounts?.enter(coming.owner);
  const program = programOf(deps, coming, account);
  const leave = async (): Promise<void> => {
    // This process may not see who else of the owner's carries the mark.
    await account?.run(endMarked, [program.mark]);
    await account?.leave();
  };
  try {
    const early = new EarlyListener();
    const process = await startPanelProcess(program, early, coming);
    coming.log.info({ pid: process.pid, command: deps.manifest.command[0] }, 'Program of the panel has started');
    let ending: Promise<void> | undefined;
    return {
      pid: process.pid,
      write: (bytes) => process.write(bytes),
      up: early.up.promise,
      get isGone() {
        return early.isGone;
      },
      listenAs: (listener) => early.handTo(listener),
      end: (exitMs) => (ending ??= process.end(exitMs).finally(leave)),
    };
  } catch (error) {
    await leave();
    throw error;
  }
}

/** Keeps what a program says until somebody listens: nothing but Started, and words for the log. */
class EarlyListener implements PanelProcessListener {
  readonly up = createLatch();
  #next: PanelProcessListener | undefined;
  #kept: ((listener: PanelProcessListener) => void)[] = [];
  #isGone = false;

  get isGone(): boolean {
    return this.#isGone;
  }

  onMessageBytes(bytes: Buffer): void {
    this.up.resolve();
    this.#tell((listener) => listener.onMessageBytes(bytes));
  }

  onTextBytes(bytes: Buffer): void {
    this.#tell((listener) => listener.onTextBytes(bytes));
  }

  onGone(how: string): void {
    this.up.resolve();
    this.#isGone = true;
    this.#tell((listener) => listener.onGone(how));
  }

  handTo(listener: PanelProcessListener): void {
    this.#next = listener;
    for (const told of this.#kept.splice(0)) told(listener);
  }

  #tell(told: (listener: PanelProcessListener) => void): void {
    if (this.#next !== undefined) told(this.#next);
    else if (this.#kept.length < mostKept) this.#kept.push(told);
  }
}

/** Pieces of up to 64 KiB. One that says more before it is asked has broken the rules by then. */
const mostKept = 16;

const endMarked = [
  'for process in /proc/[0-9]*; do',
  '  tr "\\0" "\\n" 2>/dev/null <"$process/environ" | grep -qxF "$1" && kill -9 "${process#/proc/}" 2>/dev/null',
  'done; exit 0',
].join('\n');

// util-linux; an image of one's own may have another one, or none.
const setpriv = '/usr/bin/setpriv';
const privatePrefix = 'PANELET_';
const markName = 'PANELET_PROCESS';

function programOf(
  { manifest, environment }: StartProgramDeps,
  { sessionId, random }: ComingSession,
  account?: OwnerAccount,
): PanelProgram {
  const [file = '', ...args] = manifest.command;
  const markValue = hexOf(random.bytes(16));
  const inherited = Object.entries(environment).flatMap(([name, value]) =>
    value === undefined || name.startsWith(privatePrefix) ? [] : [[name, value] as const],
  );
  const variables = {
    ...Object.fromEntries(inherited),
    ...(account && { HOME: account.home, USER: account.name, LOGNAME: account.name, TMPDIR: account.temporary }),
    ...{ PANELET_SESSION: sessionId, [markName]: markValue },
  };
  const mark = `${markName}=${markValue}`;
  const cwd = manifest.directory;
  if (account !== undefined) {
    return { ...account.launch({ file, args, environment: variables, cwd, streams: [] }), cwd: '/', mark };
  }
  // A worker that is killed takes the program along.
  const launcher = existsSync(setpriv) ? [setpriv, '--pdeathsig', 'KILL', '--'] : [];
  const [first = file, ...rest] = [...launcher, file, ...args];
  return { file: first, args: rest, environment: variables, cwd, mark };
}
