import { createSecureContext } from 'node:tls';
import { messageOf, PaneletError } from '#common/errors/errors.js';
import type { Changes } from '#common/changes.js';

/** What a TLS listener uses; all PEM. */
export interface TlsMaterial {
  /** The agent's certificate and those between it and the authority. */
  readonly cert: string;
  readonly key: string;
  /** Authorities of client certificates; undefined while none is trusted. */
  readonly clientCa: string | undefined;
}

/** Where the agent's certificate comes from. */
export interface CertificateSource {
  /** What to use now; undefined while there is nothing. */
  current(): TlsMaterial | undefined;
  /** Told whenever {@link CertificateSource.current} changes. */
  readonly changes: Changes;
  /** True when controllers may prove with a certificate who they are. */
  readonly acceptsClientCertificates: boolean;
  /** What keeps it from being of use, a sentence each; empty when nothing does. */
  unready(): readonly string[];
  /** Looks again at once, at SIGHUP; what is in force stays when that fails, and it throws. */
  reload(): Promise<void>;
  close(): void;
}

/** @throws PaneletError CONFIG_INVALID when a TLS listener cannot use it. */
export function checkMaterial({ cert, key, clientCa }: TlsMaterial): void {
  try {
    createSecureContext({ cert, key, ...(clientCa === undefined ? {} : { ca: clientCa }) });
  } catch (cause) {
    const message = `tls: certificate and key cannot be used: ${messageOf(cause)}`;
    throw new PaneletError('CONFIG_INVALID', message, { cause });
  }
}
