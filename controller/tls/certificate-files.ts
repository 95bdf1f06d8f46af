import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { sleep, type Clock } from '#common/time/clock.js';
import { PaneletError, messageOf } from '#common/errors/errors.js';
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
  /** Reads the files again and again until the signal aborts. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

/** Files are read again after this long; a mounted Secret takes a minute or so to change anyway. */
const rereadMs = 10_000;

/**
 * Takes certificates from files and reads them again when they change.
 * @throws PaneletError CONFIG_INVALID at once when one cannot be read or used; later what was read last stays in use.
 */
export function createCertificateFiles(options: CertificateFilesOptions): RereadCertificates {
  const { clock, log } = options;
  const listeners: (() => void)[] = [];
  let current = readAll(options);
  let complained = false;

  const reread = (): void => {
    try {
      const next = readAll(options);
      complained = false;
      if (JSON.stringify(next) === JSON.stringify(current)) return;
      current = next;
      log.info('certificates read again from their files');
      for (const listener of listeners) listener();
    } catch (error) {
      if (!complained) log.warn({ err: error }, 'certificates not read again, the last ones stay in use');
      complained = true;
    }
  };

  return {
    current: () => current,
    onChange: (listener) => void listeners.push(listener),
    run: async (signal) => {
      for (;;) {
        const over = await sleep(clock, rereadMs, signal).then(
          () => false,
          () => true,
        );
        if (over) return;
        reread();
      }
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
