import { join } from 'node:path';
import { z } from 'zod';
import { systemCode } from '#common/errors/storage-error.js';
import { writeDurably } from '#common/files/durable-file.js';
import type { FileSystem } from '#common/files/file-system.js';

/** A worker process, as the sessions that it has name it. */
export interface InstanceName {
  /** Of its lock `instances/lock-<n>`; nobody had it before. */
  readonly number: number;
  /** Random: tells it from one of another node or another life of the directory, whose numbers may be the same. */
  readonly id: string;
}

/** The workers of a panel that share its directory, as one of them sees them. */
export interface Instances {
  /** This one. */
  readonly own: InstanceName;
  /** True unless the instance of a number is certainly dead. */
  isAlive(number: number): Promise<boolean>;
  /** Numbers of the others that live, in rising order. */
  others(): Promise<readonly number[]>;
  /** True while one that came later is known to live; a moment late at most. */
  readonly hasNewer: boolean;
  /** Path at which the instance of a number takes sessions of others, good in this process. */
  socketOf(number: number): string;
  /** Calls back when another one is found dead; returns what takes the listener off. */
  onDeath(listener: () => void): () => void;
  /** Leaves: whatever this one has is nobody's from now on. Idempotent. */
  release(): Promise<void>;
}

/** Number of the living instance that has come last: what only one of them may do is its. */
export async function newestOf(instances: Pick<Instances, 'own' | 'others'>): Promise<number> {
  return Math.max(instances.own.number, ...(await instances.others()));
}

/** True when that is this instance. */
export async function isNewest(instances: Pick<Instances, 'own' | 'others'>): Promise<boolean> {
  return (await newestOf(instances)) === instances.own.number;
}

const nameSchema = z.object({ number: z.number().int().positive(), id: z.string().min(1) });

/** The file that names an instance; ownership of sessions is made of links to it. */
export function instanceFile(directory: string, number: number): string {
  return join(directory, 'instances', `${number}.json`);
}

/** The file that names an instance, once it is on the disk. */
export class InstanceFile {
  readonly #directory: string;
  readonly #own: InstanceName;
  readonly #fileSystem: FileSystem;
  #written: Promise<string> | undefined;

  constructor(directory: string, own: InstanceName, fileSystem: FileSystem) {
    this.#directory = directory;
    this.#own = own;
    this.#fileSystem = fileSystem;
  }

  /** Writes it durably, the first time that it is needed: a worker starts on a full disk, too. @throws what the system says */
  path(): Promise<string> {
    this.#written ??= this.#write().catch((error: unknown) => {
      this.#written = undefined;
      throw error;
    });
    return this.#written;
  }

  async #write(): Promise<string> {
    const path = instanceFile(this.#directory, this.#own.number);
    await this.#fileSystem.mkdirs(join(this.#directory, 'instances'), 0o700);
    await writeDurably(path, JSON.stringify(this.#own), this.#fileSystem);
    return path;
  }
}

/** Removes the files of dead instances. What they are linked to by sessions stays. */
export async function forgetDeadInstances(
  directory: string,
  instances: Pick<Instances, 'isAlive'>,
  fileSystem: FileSystem,
): Promise<void> {
  const names = await fileSystem.list(join(directory, 'instances')).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  });
  for (const name of names) {
    const number = Number(/^([1-9]\d*)\.(json|sock)$/.exec(name)?.[1] ?? 0);
    if (number > 0 && !(await instances.isAlive(number))) await fileSystem.unlink(join(directory, 'instances', name));
  }
}

/** Who a file names; undefined where it is no such file, as a directory that an earlier release has made. */
export async function readInstanceName(path: string, fileSystem: FileSystem): Promise<InstanceName | undefined> {
  let text: string;
  try {
    text = (await fileSystem.read(path)).toString('utf8');
  } catch (error) {
    if (systemCode(error) === 'EISDIR' || systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return nameSchema.parse(JSON.parse(text));
  } catch {
    // A link is there with all of its content or not at all: nobody who lives has written this.
    return undefined;
  }
}
