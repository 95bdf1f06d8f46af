import { createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

import type { Clock } from '#common/time/clock.js';
import { PaneletError, messageOf } from '#common/errors/errors.js';
import { rereadFiles } from '#common/files/reread-files.js';
import type { Log } from '#common/log.js';

import type { TransportCertificates, TransportIdentity } from './transport-identity.js';

/** Where the certificates are; PEM each. */
export interface CertificateFilesOptions {
  /** Authorities to trust. */
  readonly caFile: string;
  /** Certificate and key of this controller; without them it only trusts. */
  readonly own?: { readonly certFile: string; readonly keyFile: string };
  readonly clock: Clock;
  readonly log: Log;
}

/** Certificates in files that somebody else renews. */
export interface RereadCertificates extends TransportIdentity {
  /** Follows the files until the signal aborts. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

/**
 * Takes certificates from files and reads them again when they change.
 * @throws PaneletError CONFIG_INVALID at once when one cannot be read or used; later what was read last stays in use.
 */
export function createCertificateFiles(options: CertificateFilesOptions): RereadCertificates {
  const { caFile, own, clock, log } = options;
  const read = (): TransportCertificates => readAll(options);
  const files = [caFile, ...(own === undefined ? [] : [own.certFile, own.keyFile])];
  const source = rereadFiles({ files, read, first: read(), clock, log });
  source.changes.subscribe(() => log.info('Certificates read again from their files'));
  return {
    current: () => source.current(),
    onChange: (listener) => void source.changes.subscribe(listener),
    run: async (signal) => {
      if (!signal.aborted) await once(signal, 'abort');
      source.close();
    },
  };
}

function readAll({ caFile, own }: CertificateFilesOptions): TransportCertificates {
  const trust = readText(caFile);
  use(caFile, () => new X509Certificate(trust));
  if (own === undefined) return { trust };
  const pair = { cert: readText(own.certFile), key: readText(own.keyFile) };
  const certificate = use(own.certFile, () => new X509Certificate(pair.cert));
  const key = use(own.keyFile, () => createPrivateKey(pair.key));
  if (!certificate.checkPrivateKey(key)) {
    throw new PaneletError('CONFIG_INVALID', `The key in ${own.keyFile} does not belong to ${own.certFile}.`);
  }
  return { trust, client: pair, server: pair };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const why = messageOf(error);
    throw new PaneletError('CONFIG_INVALID', `Cannot read ${file}: ${why}`, { cause: error });
  }
}

function use<T>(file: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    const why = messageOf(error);
    throw new PaneletError('CONFIG_INVALID', `${file} has no usable PEM: ${why}`, { cause: error });
  }
}
