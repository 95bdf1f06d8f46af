import { basename, dirname, join } from 'node:path';
import type { AllowedRoots } from './allowed-roots.js';
import { type ContentProof, looksCopied } from './content-proof.js';
import type { DirectorySnapshot } from './directory-snapshot.js';
import type { FileFacts } from './file-facts.js';
import { isKnownFile, type KnownFiles } from './known-files.js';
import { type LogFile, type NamedFile, openLogFile } from './log-file.js';

/** What `findCopy` looks for. */
export interface CopySearch {
  readonly real: string;
  /** What was read of the file that is rewritten, and when that was made. */
  readonly last: { readonly bornNs: bigint; readonly proof: ContentProof & { readonly offset: number } };
  readonly known: KnownFiles | undefined;
  readonly roots: AllowedRoots;
}

/**
 * Finds what rotation by copy has made of a file before it was truncated, to read the rest there: a file that was made later
 * and begins with everything that was read. The longest, when there are several.
 */
export async function findCopy(snapshot: DirectorySnapshot, search: CopySearch): Promise<NamedFile | undefined> {
  const { real, last, known, roots } = search;
  const { offset } = last.proof;
  if (offset === 0) return undefined;
  const isLater = (facts: FileFacts): boolean =>
    facts.bornNs !== 0n && last.bornNs !== 0n
      ? facts.bornNs >= last.bornNs && facts.modifiedNs >= last.bornNs
      : known !== undefined && isKnownFile(known, facts) === 'no';
  const candidates = [...snapshot.files]
    .filter(([name, facts]) => name !== basename(real) && facts.sizeBytes >= offset && isLater(facts))
    .sort(([, a], [, b]) => b.sizeBytes - a.sizeBytes);
  const directory = dirname(real);
  for (const [name] of candidates) {
    const opened = await openLogFile(join(directory, name), roots);
    if (opened.kind !== 'open') continue;
    const { file } = opened;
    file.assume(last.proof);
    if (await file.holds()) return { name, directory, file };
    await file.close();
  }
  return undefined;
}

/** What a file is compared with. */
export interface CopyComparison {
  readonly candidate: FileFacts;
  /** Files that are not ours, or are known to be. */
  readonly models: readonly { readonly path: string; readonly facts: FileFacts }[];
  /** Files of ours before it. */
  readonly earlier: readonly NamedFile[];
  /** What was read of the last file. */
  readonly proof: (ContentProof & { readonly offset: number }) | undefined;
  readonly roots: AllowedRoots;
  /** Shorter ones are alike by chance. */
  readonly leastBytes: number;
}

const comparedBytes = 4096;

/** True when a file holds what another one begins with: somebody has copied it. Looks at both ends of what they share. */
export async function isCopy(file: LogFile, comparison: CopyComparison): Promise<boolean> {
  const { candidate, models, earlier, proof, roots, leastBytes } = comparison;
  const { sizeBytes, bornNs } = candidate;
  if (sizeBytes < leastBytes) return false;
  if (proof && (await looksCopied(proof, proof.offset, { sizeBytes, readAt: file.readAt }))) return true;
  for (const { file: other } of earlier) if (await beginsAlike(other, file, sizeBytes)) return true;
  for (const { path, facts } of models) {
    // A copy is younger than what it was made of.
    if (facts.sizeBytes < sizeBytes || facts.bornNs > bornNs) continue;
    const opened = await openLogFile(path, roots);
    if (opened.kind !== 'open') continue;
    const isAlike = await beginsAlike(opened.file, file, sizeBytes);
    await opened.file.close();
    if (isAlike) return true;
  }
  return false;
}

async function beginsAlike(model: LogFile, file: LogFile, sizeBytes: number): Promise<boolean> {
  const length = Math.min(comparedBytes, sizeBytes);
  for (const offset of [0, sizeBytes - length]) {
    const [one, other] = [await model.readAt(offset, length), await file.readAt(offset, length)];
    if (one.length < length || !one.equals(other)) return false;
  }
  return true;
}
