import { join } from 'node:path';
import { z } from 'zod';
import { systemCode } from '#common/errors/storage-error.js';
import { writeDurably } from '#common/files/durable-file.js';
import type { FileSystem } from '#common/files/file-system.js';
import type { Log } from '#common/log.js';

const retiredSchema = z.object({ instance: z.number().int().positive(), retireAtMs: z.number().optional() });

/** What a worker remembers of its pod that retires: which instance it is there now, and when its sessions end at the latest. */
export type RetiredPod = Readonly<z.infer<typeof retiredSchema>>;

/** Which pods retire whose workers share a panel's directory: one file each, beside the instances. */
export class RetiredPods {
  readonly #directory: string;
  readonly #fileSystem: FileSystem;
  readonly #log: Log;
  /** Names of files that nobody could read, and that were told. */
  readonly #told = new Set<string>();

  /** Of the directory of a panel. */
  constructor(directory: string, { fileSystem, log }: { readonly fileSystem: FileSystem; readonly log: Log }) {
    this.#directory = join(directory, 'instances');
    this.#fileSystem = fileSystem;
    this.#log = log;
  }

  /**
   * What is remembered of a pod; undefined when it does not retire. One whose file cannot be read retires, without a time of its own until it
   * is told one: nothing new comes to where it would be ended, and nothing is ended that was to stay.
   */
  async read(podUid: string): Promise<Pick<RetiredPod, 'retireAtMs'> | undefined> {
    const known = await this.#readFile(fileOf(podUid));
    return known === 'unreadable' ? {} : known;
  }

  /** Remembers that a pod retires, so that it outlives a power cut. @throws what the system says */
  async write(podUid: string, retired: RetiredPod): Promise<void> {
    await this.#fileSystem.mkdirs(this.#directory, 0o700);
    await writeDurably(join(this.#directory, fileOf(podUid)), JSON.stringify(retired), this.#fileSystem);
  }

  /** Instances of all pods that retire, whether they live or not, as far as their files can be read. @throws what the system says */
  async instances(): Promise<ReadonlySet<number>> {
    const names = await this.#fileSystem.list(this.#directory).catch((error: unknown) => {
      if (systemCode(error) === 'ENOENT') return [];
      throw error;
    });
    const files = names.filter((name) => /^retired-.+\.json$/.test(name));
    const retired = await Promise.all(files.map((name) => this.#readFile(name)));
    return new Set(retired.flatMap((known) => (known === undefined || known === 'unreadable' ? [] : [known.instance])));
  }

  async #readFile(name: string): Promise<RetiredPod | 'unreadable' | undefined> {
    try {
      const text = (await this.#fileSystem.read(join(this.#directory, name))).toString('utf8');
      return retiredSchema.parse(JSON.parse(text));
    } catch (err) {
      if (systemCode(err) === 'ENOENT') return undefined;
      if (!this.#told.has(name))
        this.#log.error({ err, file: name }, 'What is remembered of a pod that retires cannot be read');
      this.#told.add(name);
      return 'unreadable';
    }
  }
}

// A uid names a file, so it must be a name.
function fileOf(podUid: string): string {
  return `retired-${podUid.replace(/[^A-Za-z0-9-]/g, '-')}.json`;
}
