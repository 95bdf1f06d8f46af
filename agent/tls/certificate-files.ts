import { watch, type FSWatcher } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Clock, Timer } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';
import { createChanges } from '#common/changes.js';
import { certificateExpiry } from './pem.js';
import { checkMaterial, type CertificateSource, type TlsMaterial } from './certificate-source.js';

/** Files that something else writes, such as cert-manager. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly clientCaFile?: string | undefined;
}

/** What the source needs. */
export interface CertificateFilesDeps {
  readonly files: CertificateFiles;
  readonly clock: Clock;
  readonly log: Log;
}

const debounceMs = 250;
// Where the kernel has no watch left to give, this is how late a change is noticed.
const lookAgainMs = 60_000;

/**
 * A certificate from files, which are read again when they change. The directories are watched, not the files: the kubelet
 * swaps a link beside them.
 * @throws PaneletError CONFIG_INVALID when they cannot be used at the start.
 */
export async function openCertificateFiles({ files, clock, log }: CertificateFilesDeps): Promise<CertificateSource> {
  const changes = createChanges();
  let material = await readMaterial(files);
  let timer: Timer | undefined;
  let closed = false;
  const reload = async (): Promise<void> => {
    const next = await readMaterial(files);
    if (isDeepStrictEqual(next, material) || closed) return;
    material = next;
    log.info({ expires: expiryOf(next) }, 'Another certificate is in force');
    changes.notify();
  };
  const lookIn = (delayMs: number): void => {
    timer?.stop();
    if (closed) return;
    timer = clock.after(delayMs, () => {
      reload()
        .catch((error: unknown) =>
          log.error({ err: error }, 'The certificate cannot be taken up, what is in force stays'),
        )
        .finally(() => lookIn(lookAgainMs));
    });
  };
  const watchers = watchDirectories(files, log, () => lookIn(debounceMs));
  lookIn(lookAgainMs);
  return {
    changes,
    reload,
    acceptsClientCertificates: files.clientCaFile !== undefined,
    current: () => material,
    unready: () =>
      certificateExpiry(material.cert).getTime() > clock.date().getTime()
        ? []
        : [`The certificate in ${files.certFile} has expired.`],
    close: () => {
      closed = true;
      timer?.stop();
      for (const watcher of watchers) watcher.close();
    },
  };
}

function watchDirectories(files: CertificateFiles, log: Log, onEvent: () => void): readonly FSWatcher[] {
  const paths = [files.certFile, files.keyFile, files.clientCaFile].filter((path) => path !== undefined);
  const directories = new Set(paths.map((path) => dirname(path)));
  return [...directories].flatMap((directory) => {
    try {
      const watcher = watch(directory, { persistent: false }, onEvent);
      watcher.on('error', () => watcher.close());
      return [watcher];
    } catch (error) {
      log.warn({ err: error, directory }, 'Cannot be watched: changes are noticed within a minute');
      return [];
    }
  });
}

async function readMaterial({ certFile, keyFile, clientCaFile }: CertificateFiles): Promise<TlsMaterial> {
  const [cert, key, clientCa] = await Promise.all([certFile, keyFile, clientCaFile].map(read));
  const material = { cert: cert ?? '', key: key ?? '', clientCa };
  checkMaterial(material);
  return material;
}

async function read(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const message = `tls: the certificate cannot be read: ${(cause as Error).message}`;
    throw new PaneletError('CONFIG_INVALID', message, { cause });
  }
}

function expiryOf({ cert }: TlsMaterial): string {
  return certificateExpiry(cert).toISOString();
}
