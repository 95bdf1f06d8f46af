import { constants } from 'node:crypto';
import { createSecureServer, type Http2SecureServer, type ServerOptions } from 'node:http2';
import type { SecureContextOptions } from 'node:tls';
import { messageOf, PaneletError } from '#common/errors/errors.js';
import type { CertificateSource, TlsMaterial } from '../../tls/certificate-source.js';

/** How a server with TLS treats its clients. */
export interface TlsServerOptions {
  /** True to let nobody in without a certificate that the source's authorities vouch for. */
  readonly requireClientCertificate: boolean;
}

/**
 * An HTTP/2 server with the certificate of a source, which it takes up whenever that changes. Client certificates are asked for
 * where the source accepts them. Where they are not required, who has none, or one that nobody vouches for, brings a token.
 * @throws PaneletError CONFIG_INVALID when there is no certificate, or it cannot be used.
 */
export function createTlsServer(
  { requireClientCertificate, ...options }: ServerOptions & TlsServerOptions,
  source: CertificateSource,
): Http2SecureServer {
  const material = source.current();
  if (material === undefined) throw new PaneletError('CONFIG_INVALID', 'tls: there is no certificate.');
  const context = contextOf(material);
  try {
    return createSecureServer({
      ...options,
      ...context,
      allowHTTP1: false,
      handshakeTimeout: 10_000,
      requestCert: requireClientCertificate || source.acceptsClientCertificates,
      rejectUnauthorized: requireClientCertificate,
    });
  } catch (cause) {
    throw unusable(cause);
  }
}

/** Takes up another certificate for connections that are made from now on. @throws PaneletError CONFIG_INVALID. */
export function replaceCertificate(server: Http2SecureServer, material: TlsMaterial): void {
  try {
    server.setSecureContext(contextOf(material));
  } catch (cause) {
    throw unusable(cause);
  }
}

function contextOf({ cert, key, clientCa }: TlsMaterial): SecureContextOptions {
  return {
    ...{ cert, key, minVersion: 'TLSv1.2' },
    // Never the authorities of the system: anyone may get a certificate from them.
    ca: clientCa === undefined ? [] : [clientCa],
    // A resumed session would count as authorized by the authorities of its first handshake, not those of today.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

function unusable(cause: unknown): PaneletError {
  const message = `tls: certificate and key cannot be used: ${messageOf(cause)}`;
  return new PaneletError('CONFIG_INVALID', message, { cause });
}
