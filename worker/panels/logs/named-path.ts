import { stat } from 'node:fs/promises';
import { isPaneletError } from '#common/errors/errors.js';
import type { AllowedRoots } from './allowed-roots.js';
import { type FileFacts, factsOf } from './file-facts.js';
import { reasonOf } from './read-trouble.js';

/** A file that a path names. */
export interface NamedPath {
  readonly kind: 'file';
  /** Where the path leads. */
  readonly real: string;
  readonly facts: FileFacts;
}

/** Why a path names no file that can be followed. */
export interface NoPath {
  readonly kind: 'trouble';
  readonly reason: string;
}

/** What a path names now. Of what is outside the roots nothing is told but that it is. */
export async function lookAtPath(path: string, roots: AllowedRoots): Promise<NamedPath | NoPath> {
  try {
    const real = roots.resolve(path);
    const found = await stat(real, { bigint: true });
    if (!found.isFile()) return { kind: 'trouble', reason: 'is not a regular file' };
    return { kind: 'file', real, facts: factsOf(found) };
  } catch (error) {
    const reason = isPaneletError(error, 'PANEL_FAILED') ? 'leads nowhere that may be read' : reasonOf(error).reason;
    return { kind: 'trouble', reason };
  }
}
