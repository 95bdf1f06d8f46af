import { readFile, rm } from 'node:fs/promises';
import { z } from 'zod';
import { replaceFile } from '#common/files/replace-file.js';

const recordSchema = z.object({
  panel: z.string(),
  pid: z.number().int().positive(),
  startTime: z.string(),
  instance: z.string(),
  commandHash: z.string(),
});

/** What the next agent needs to know about a worker that this one started. */
export type WorkerRecord = Readonly<z.infer<typeof recordSchema>>;

/** The record in a file; undefined when there is none, or none that can be used. */
export async function readWorkerRecord(file: string): Promise<WorkerRecord | undefined> {
  try {
    return recordSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return undefined;
  }
}

/** Replaces the record in one step, so that a reader never sees half of it. */
export function writeWorkerRecord(file: string, record: WorkerRecord): Promise<void> {
  return replaceFile(file, `${JSON.stringify(record)}\n`);
}

/** Removes the record of a worker that is gone. */
export async function removeWorkerRecord(file: string): Promise<void> {
  await rm(file, { force: true });
}
