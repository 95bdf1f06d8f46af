import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '#common/errors/storage-error.js';
import { makeDirectory } from '#common/files/make-directory.js';
import { replaceFile } from '#common/files/replace-file.js';
import { z } from 'zod';
import { PaneletError } from '#common/errors/errors.js';
import { vias } from '../cluster/via.js';

const savedCluster = z.object({
  namespace: z.string(),
  /** @default what the pod says */
  via: z.enum(vias).optional(),
  serviceAccount: z.string(),
  kubeconfig: z.string().optional(),
  context: z.string().optional(),
});

/** How the agents of a cluster are found again. */
export type SavedCluster = z.infer<typeof savedCluster>;

const savedSession = z.object({
  version: z.literal(1),
  sessionId: z.string(),
  panel: z.string(),
  resumeToken: z.string(),
  incarnation: z.number(),
  node: z.string(),
  ttlMs: z.number(),
  /** Address of the agent, when one was given. */
  address: z.string().optional(),
  /** Cluster that the agent was found in through kubectl. */
  cluster: savedCluster.optional(),
  savedAt: z.iso.datetime(),
  /** Process of this machine that is attached, until it has left. */
  heldBy: z.int().positive().optional(),
});

/** What a later run of the CLI needs to go on with a session. Holds its resume token. */
export type SavedSession = z.infer<typeof savedSession>;

/** True while the process that is attached to a session runs; a number that another process has since is taken for it. */
export function isHeld({ heldBy }: SavedSession): boolean {
  if (heldBy === undefined || heldBy === process.pid) return false;
  try {
    return process.kill(heldBy, 0);
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
}

/** The sessions that this user's CLI has left behind. */
export interface ResumeStore {
  /** Writes the file of a session, readable by its user only. */
  save(session: SavedSession): Promise<void>;
  /** @throws SESSION_UNKNOWN when there is no file for it; CONFIG_INVALID when it cannot be read. */
  load(sessionId: string): Promise<SavedSession>;
  /** All of them, latest first. Unreadable files are left out. */
  list(): Promise<SavedSession[]>;
  remove(sessionId: string): Promise<void>;
}

/** Directory of the store by the XDG base directory specification; undefined where there is neither it nor a HOME. */
export function resumeStoreDir(
  env: Readonly<Record<string, string | undefined>>,
  homeDir: string | undefined,
): string | undefined {
  const stateHome = env['XDG_STATE_HOME'];
  if (stateHome !== undefined && stateHome !== '') return join(stateHome, 'panelet', 'sessions');
  return homeDir === undefined || homeDir === '' ? undefined : join(homeDir, '.local', 'state', 'panelet', 'sessions');
}

function nothingHere(sessionId: string, cause?: unknown): PaneletError {
  const message = `No saved session ${sessionId} here. A session is resumed by the user and machine that opened it.`;
  return new PaneletError('SESSION_UNKNOWN', message, { cause });
}

/** Where nothing can be kept: everything works but coming back in a later run. */
const noStore: ResumeStore = {
  save: () => Promise.reject(new PaneletError('CONFIG_INVALID', 'HOME is not set; set XDG_STATE_HOME or HOME')),
  load: (sessionId) => Promise.reject(nothingHere(sessionId)),
  list: () => Promise.resolve([]),
  remove: () => Promise.resolve(),
};

/** A store of one JSON file per session in `dir` (created with mode 0700, files 0600). @default keeps nothing */
export function createResumeStore(dir: string | undefined): ResumeStore {
  if (dir === undefined) return noStore;
  const fileOf = (sessionId: string): string => {
    if (!/^[\w-]+$/.test(sessionId)) {
      throw new PaneletError('CONFIG_INVALID', `"${sessionId}" is not a session id. \`panelet sessions\` lists yours.`);
    }
    return join(dir, `${sessionId}.json`);
  };
  const read = async (file: string): Promise<SavedSession> => {
    try {
      return savedSession.parse(JSON.parse(await readFile(file, 'utf8')));
    } catch (cause) {
      if (systemCode(cause) === 'ENOENT') throw cause;
      throw new PaneletError('CONFIG_INVALID', `The saved session ${file} cannot be read. Remove it.`, { cause });
    }
  };
  return {
    save: async (session) => {
      await makeDirectory(dir, 0o700);
      const file = fileOf(session.sessionId);
      // Another run may read or write it at any moment: it sees the old or a new file, never half of one.
      const aside = `${file}.${process.pid}.new`;
      await replaceFile(file, `${JSON.stringify(session)}\n`, { aside });
    },
    load: async (sessionId) => {
      try {
        return await read(fileOf(sessionId));
      } catch (cause) {
        if (systemCode(cause) !== 'ENOENT') throw cause;
        throw nothingHere(sessionId, cause);
      }
    },
    list: async () => {
      const names = await readdir(dir).catch(() => []);
      const files = names.filter((name) => name.endsWith('.json')).map((name) => join(dir, name));
      const saved = await Promise.all(files.map((file) => read(file).catch(() => undefined)));
      return saved
        .filter((session) => session !== undefined)
        .sort((left, right) => right.savedAt.localeCompare(left.savedAt));
    },
    remove: (sessionId) => rm(fileOf(sessionId), { force: true }),
  };
}
