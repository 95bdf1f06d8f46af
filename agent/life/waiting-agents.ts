import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { LockSockets } from '#common/files/lock-sockets.js';
import { replaceFile } from '#common/files/replace-file.js';
import type { WaitingAgent } from '#proto/gate/v1/gate.js';
import { podLock, podsDirectory } from '../workers/pod-directory.js';

const fileName = 'waiting.json';

// It names the lock of the pod's agent, so that one which has died waiting does not count.
const waitingSchema = z.object({ podUid: z.string(), lock: z.number(), message: z.string() });

/** What an agent that waits says of itself. */
export type WaitingWord = z.infer<typeof waitingSchema>;

/** Has the agents of other pods know that the agent of this pod cannot start beside them. */
export async function sayWaiting(podDirectory: string, word: WaitingWord): Promise<void> {
  await replaceFile(join(podDirectory, fileName), JSON.stringify(word));
}

/** The agent of this pod waits no more. */
export async function endWaiting(podDirectory: string): Promise<void> {
  await rm(join(podDirectory, fileName), { force: true });
}

/** Agents of a node that live and cannot start beside those that serve. */
export async function readWaiting(runDir: string): Promise<readonly WaitingAgent[]> {
  const directory = podsDirectory(runDir);
  const names = await readdir(directory).catch(() => []);
  const found = await Promise.all(names.map((name) => readWord(join(directory, name))));
  return found.flatMap((word) => (word === undefined ? [] : [{ podUid: word.podUid, message: word.message }]));
}

/** What the agent of a pod says, where it lives and waits. */
async function readWord(directory: string): Promise<WaitingWord | undefined> {
  try {
    const word = waitingSchema.parse(JSON.parse(await readFile(join(directory, fileName), 'utf8')));
    return (await holds(podLock(directory), word.lock)) ? word : undefined;
  } catch {
    // It waits no more, or never did.
    return undefined;
  }
}

async function holds(lock: string, number: number): Promise<boolean> {
  const sockets = await LockSockets.open(lock);
  try {
    return (await sockets.highest()) === number && (await sockets.isAlive(number));
  } finally {
    await sockets.close();
  }
}
