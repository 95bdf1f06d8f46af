import { readFile } from 'node:fs/promises';
import type { Clock } from '#common/time/clock.js';
import { messageOf, PaneletError } from '#common/errors/errors.js';
import { rereadFiles } from '#common/files/reread-files.js';
import type { Log } from '#common/log.js';
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

/**
 * A certificate from files, which are read again when they change.
 * @throws PaneletError CONFIG_INVALID when they cannot be used at the start.
 */
export async function openCertificateFiles({ files, clock, log }: CertificateFilesDeps): Promise<CertificateSource> {
  const read = (): Promise<TlsMaterial> => readMaterial(files);
  const paths = [files.certFile, files.keyFile, files.clientCaFile].filter((path) => path !== undefined);
  const source = rereadFiles({ files: paths, read, first: await read(), clock, log });
  source.changes.subscribe(() => log.info({ expires: expiryOf(source.current()) }, 'Another certificate is in force'));
  return {
    changes: source.changes,
    reload: () => source.reload(),
    acceptsClientCertificates: files.clientCaFile !== undefined,
    current: () => source.current(),
    unready: () =>
      certificateExpiry(source.current().cert).getTime() > clock.date().getTime()
        ? []
        : [`The certificate in ${files.certFile} has expired.`],
    close: () => source.close(),
  };
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
    const message = `tls: the certificate cannot be read: ${messageOf(cause)}`;
    throw new PaneletError('CONFIG_INVALID', message, { cause });
  }
}

function expiryOf({ cert }: TlsMaterial): string {
  return certificateExpiry(cert).toISOString();
}
