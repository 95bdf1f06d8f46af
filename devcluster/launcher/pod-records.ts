import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { replaceFileSync } from '#common/files/replace-file.js';
import type { Log } from '#common/log.js';

const terminationSchema = z.object({
  exitCode: z.number(),
  signal: z.number().optional(),
  reason: z.string(),
  message: z.string().optional(),
  startedAt: z.string().nullable(),
  finishedAt: z.string(),
  containerID: z.string().optional(),
});

const podRecordSchema = z.object({
  uid: z.string(),
  namespace: z.string(),
  name: z.string(),
  startTime: z.string(),
  podIp: z.string().optional(),
  containers: z.record(
    z.string(),
    z.object({
      restartCount: z.number(),
      process: z.object({ pid: z.number(), startTime: z.number() }).optional(),
      containerId: z.string().optional(),
      startedAt: z.string().optional(),
      last: terminationSchema.optional(),
    }),
  ),
});

/** What outlives this program about one pod. */
export type PodRecord = z.infer<typeof podRecordSchema>;

/** The pods that were started on a node, on disk. */
export interface PodRecords {
  load(): PodRecord[];
  /** Synchronous: a process must never run without its record. */
  save(record: PodRecord): void;
  remove(uid: string): void;
}

/** Records as one file per pod in `directory`. An unreadable one is reported and left. */
export function createPodRecords(deps: { readonly directory: string; readonly log: Log }): PodRecords {
  mkdirSync(deps.directory, { recursive: true });
  const pathOf = (uid: string): string => join(deps.directory, `${uid}.json`);
  return {
    load: () => {
      const records: PodRecord[] = [];
      for (const file of readdirSync(deps.directory).filter((name) => name.endsWith('.json'))) {
        try {
          records.push(podRecordSchema.parse(JSON.parse(readFileSync(join(deps.directory, file), 'utf8'))));
        } catch (err) {
          deps.log.error({ err, file }, 'Pod record unreadable');
        }
      }
      return records;
    },
    save: (record) => replaceFileSync(pathOf(record.uid), JSON.stringify(record)),
    remove: (uid) => rmSync(pathOf(uid), { force: true }),
  };
}
