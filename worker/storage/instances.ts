import { join } from 'node:path';
import { z } from 'zod';
import { systemCode } from '#common/errors/storage-error.js';
import { writeDurably } from '#common/files/durable-file.js';
import type { FileSystem } from '#common/files/file-system.js';
import type { InstanceName, Instances } from '#common/files/instances.js';
import type { MeetingPlace } from '#common/files/join-instances.js';

/** Where the workers of a panel find each other, in its directory. */
export function meetingPlaceOf(directory: string): MeetingPlace {
  return {
    directory,
    instances: join(directory, 'instances'),
    lock: join(directory, 'lock'),
    advice: 'Stop them first, or start this worker beside them (--beside).',
  };
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
