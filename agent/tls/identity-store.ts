import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory } from '#common/files/make-directory.js';
import { messageOf, PaneletError } from '#common/errors/errors.js';
import { writeDurably } from '#common/files/durable-file.js';

/** Key pair and certificate of a node, PEM. */
export interface NodeKeyPair {
  readonly cert: string;
  readonly key: string;
}

/** What an agent keeps so that the next one serves at once, also while nobody signs. */
export interface IdentityStore {
  /** Undefined when there is nothing that can be read. */
  read(): Promise<NodeKeyPair | undefined>;
  write(pair: NodeKeyPair): Promise<void>;
  /** The bundle of trusted authorities as it was seen last. */
  readBundle(): Promise<string | undefined>;
  writeBundle(bundle: string): Promise<void>;
}

/**
 * A store in a directory of mode 0700. Key and certificate are one file, so that one never stands beside the other's old one.
 * @throws PaneletError STATE_DIR_UNUSABLE.
 */
export async function openIdentityStore(directory: string): Promise<IdentityStore> {
  try {
    await makeDirectory(directory, 0o700);
    await chmod(directory, 0o700);
  } catch (cause) {
    const message = `The directory ${directory} cannot be used: ${messageOf(cause)}`;
    throw new PaneletError('STATE_DIR_UNUSABLE', message, { cause });
  }
  const pairFile = join(directory, 'node.pem');
  const bundleFile = join(directory, 'ca.crt');
  return {
    read: async () => {
      const text = await readText(pairFile);
      const key = /-----BEGIN PRIVATE KEY-----[\s\S]*?-----END PRIVATE KEY-----/.exec(text ?? '')?.[0];
      if (text === undefined || key === undefined) return undefined;
      return { key, cert: text.replace(key, '').trimStart() };
    },
    write: ({ cert, key }) => writeDurably(pairFile, `${key.trimEnd()}\n${cert}`),
    readBundle: () => readText(bundleFile),
    writeBundle: (bundle) => writeDurably(bundleFile, bundle),
  };
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    return undefined;
  }
}
