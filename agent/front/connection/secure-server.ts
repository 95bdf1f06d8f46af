import type { Http2SecureServer, ServerHttp2Session, ServerOptions } from 'node:http2';
import { TLSSocket } from 'node:tls';
import type { Clock } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import type { CertificateSource } from '../../tls/certificate-source.js';
import { createPeerVerifier } from '../../tls/peer-verifier.js';
import type { VerifiedPeer } from '../../access/identity.js';
import { createTlsServer, replaceCertificate, type TlsServerOptions } from './tls-server.js';

/** An HTTP/2 server with TLS that takes up certificates and authorities as they change. */
export interface SecureServer {
  readonly server: Http2SecureServer;
  /** The peer's certificate, when it has one that can be trusted now. */
  peerOf(session: ServerHttp2Session | undefined): VerifiedPeer | undefined;
  /** True for a peer that shows a certificate, trusted or not. */
  showsCertificate(session: ServerHttp2Session): boolean;
  /** Calls back when other authorities vouch for clients. */
  onAuthorities(callback: () => void): void;
  close(): void;
}

/** A server with the certificate of a source. @throws PaneletError CONFIG_INVALID when it cannot be used. */
export function createSecureServer(
  options: ServerOptions & TlsServerOptions,
  source: CertificateSource,
  { log, clock }: { readonly log: Log; readonly clock: Clock },
): SecureServer {
  const server = createTlsServer(options, source);
  let clientCa = source.current()?.clientCa;
  let onAuthorities = (): void => undefined;
  const unsubscribe = source.changes.subscribe(() => {
    const next = source.current();
    if (next === undefined) return;
    try {
      replaceCertificate(server, next);
    } catch (error) {
      log.error({ err: error }, 'The certificate cannot be taken up, what was in force stays');
      return;
    }
    if (next.clientCa === clientCa) return;
    clientCa = next.clientCa;
    // Streams go on; for the next ones, these peers come again and are verified by what is trusted now.
    onAuthorities();
  });
  const peers = createPeerVerifier(clock, () => clientCa);
  return {
    server,
    peerOf: (session) => {
      const socket = socketOf(session);
      return socket === undefined ? undefined : peers.verify(socket);
    },
    showsCertificate: (session) => {
      const socket = socketOf(session);
      return socket !== undefined && peers.hasCertificate(socket);
    },
    onAuthorities: (callback) => {
      onAuthorities = callback;
    },
    close: unsubscribe,
  };
}

function socketOf(session: ServerHttp2Session | undefined): TLSSocket | undefined {
  const socket = session?.destroyed === false ? session.socket : undefined;
  return socket instanceof TLSSocket ? socket : undefined;
}
