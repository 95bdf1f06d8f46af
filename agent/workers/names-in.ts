import { readdirSync } from 'node:fs';
import { systemCode } from '#common/errors/storage-error.js';

/** What is in a directory; nothing where there is none. @throws what the system says when it cannot be read */
export function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return [];
    throw error;
  }
}
