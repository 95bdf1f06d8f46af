import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory } from '#common/files/make-directory.js';
import { messageOf, PaneletError } from '#common/errors/errors.js';
import { createNodeFileSystem } from '#common/files/file-system.js';
import { temporaryPath, writeDurably } from '#common/files/durable-file.js';

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

/** Who of the agents of a node, each of another pod, has a store. */
export interface StoreOwner {
  /** Tells this agent from the others that live. */
  readonly writer: string;
  /**
   * False while what is kept is another one's: the certificate names the address of a pod, and the next agent needs none of a pod that goes.
   * Nothing is written then.
   */
  readonly keeps: () => boolean;
}

/**
 * A store in a directory of mode 0700. Key and certificate are one file, so that one never stands beside the other's old one.
 * @throws PaneletError STATE_DIR_UNUSABLE.
 */
export async function openIdentityStore(directory: string, owner: StoreOwner): Promise<IdentityStore> {
  try {
    await makeDirectory(directory, 0o700);
    await chmod(directory, 0o700);
  } catch (cause) {
    const message = `The directory ${directory} cannot be used: ${messageOf(cause)}`;
    throw new PaneletError('STATE_DIR_UNUSABLE', message, { cause });
  }
  const pairFile = join(directory, 'node.pem');
  const bundleFile = join(directory, 'ca.crt');
  const keep = async (file: string, content: string): Promise<void> => {
    if (!owner.keeps()) return;
    await writeDurably(file, content, createNodeFileSystem(), temporaryPath(`${file}.${owner.writer}`));
  };
  return {
    read: async () => {
      const text = await readText(pairFile);
      const key = /-----BEGIN PRIVATE KEY-----[\s\S]*?-----END PRIVATE KEY-----/.exec(text ?? '')?.[0];
      if (text === undefined || key === undefined) return undefined;
      return { key, cert: text.replace(key, '').trimStart() };
    },
    write: ({ cert, key }) => keep(pairFile, `${key.trimEnd()}\n${cert}`),
    readBundle: () => readText(bundleFile),
    writeBundle: (bundle) => keep(bundleFile, bundle),
  };
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    return undefined;
  }
}
