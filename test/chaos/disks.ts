import { closeSync, existsSync, mkdirSync, openSync, rmSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { sleep, type Clock } from '#common/time/clock.js';
import type { OwnCluster } from '#test/e2e/support/environment.js';
import { outputOf, runProgram } from '#test/e2e/support/run-program.js';

/** Small file systems, one for each node's state, that can be filled to the last byte. */
export interface Disks {
  /** What the chart takes as hostPaths.state; on every node it leads to its own disk. */
  readonly stateRoot: string;
  /** A file that nodes see when they see the file systems. */
  readonly mark: (node: string) => string;
  /** Fills a node's, and keeps it full. @returns what empties it again. */
  fill(node: string): () => Promise<void>;
  /** Unmounts and removes them; nothing may use them any more. */
  remove(): Promise<void>;
}

/** What disks are made of. */
export interface DisksOptions {
  readonly cluster: OwnCluster;
  readonly nodes: readonly string[];
  readonly clock: Clock;
}

const sizeMebibytes = 48;
const linkName = 'panelet-disk';
const refillMs = 100;
const fillerName = '.filler';
const pageBytes = 4096;

/** Appends until there is no room for a page. */
function fillUp(file: string): void {
  const descriptor = openSync(file, 'a');
  try {
    for (let size = 2 ** 20; size >= pageBytes;) {
      try {
        if (writeSync(descriptor, Buffer.alloc(size)) < size) size /= 2;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        size /= 2;
      }
    }
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Mounts what is missing. They are made outside of the nodes, so that a node without power finds its disk as it was; a node's own
 * /var/lib is a folder outside, so that a link in it can lead there.
 */
export async function mountDisks({ cluster, nodes, clock }: DisksOptions): Promise<Disks> {
  const directory = `${cluster.stateDir}-disks`;
  const pathOf = (node: string): string => join(directory, node);
  const mark = (node: string): string => join(pathOf(node), '.disk');
  for (const node of nodes) {
    if (!existsSync(mark(node))) {
      mkdirSync(pathOf(node), { recursive: true });
      const options = `size=${sizeMebibytes}m,mode=0755`;
      await outputOf('mount', ['-t', 'tmpfs', '-o', options, 'panelet-disk', pathOf(node)]);
      writeFileSync(mark(node), '');
    }
    const link = join(cluster.stateDir, 'node', node, 'var-lib', linkName);
    rmSync(link, { force: true });
    symlinkSync(pathOf(node), link);
  }
  return {
    stateRoot: `/var/lib/${linkName}`,
    mark,
    fill: (node) => {
      const file = join(pathOf(node), fillerName);
      const stopping = new AbortController();
      // What others remove makes room again.
      const keepFull = async (): Promise<void> => {
        while (!stopping.signal.aborted) {
          fillUp(file);
          await sleep(clock, refillMs, stopping.signal).catch(() => undefined);
        }
      };
      const filling = keepFull();
      return async () => {
        stopping.abort(new Error('healed'));
        await filling.finally(() => rmSync(file, { force: true }));
      };
    },
    remove: async () => {
      for (const node of nodes) await runProgram('umount', [pathOf(node)]);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
