import { credentials, type ChannelCredentials } from '@grpc/grpc-js';

import type { TransportCertificates } from '../tls/transport-identity.js';

/** How connections to gates are made. */
export interface GateCredentials {
  /**
   * For a connection that is made now; the same object until they change. Undefined while there are none: then no gate can
   * be reached.
   */
  current(): ChannelCredentials | undefined;
}

/** Connections in plain text: for one machine. */
export function createPlainCredentials(): GateCredentials {
  const plain = credentials.createInsecure();
  return { current: () => plain };
}

/** TLS with certificates that may change: connections that are there stay, new ones take the new certificates. */
export function createTlsCredentials(certificates: () => TransportCertificates | undefined): GateCredentials {
  let made: { readonly from: TransportCertificates; readonly credentials: ChannelCredentials } | undefined;
  return {
    current: () => {
      const from = certificates();
      if (from === undefined) return undefined;
      if (made?.from !== from) made = { from, credentials: secure(from) };
      return made.credentials;
    },
  };
}

function secure({ trust, client }: TransportCertificates): ChannelCredentials {
  const pem = (text: string | undefined): Buffer | null => (text === undefined ? null : Buffer.from(text, 'utf8'));
  return credentials.createSsl(pem(trust), pem(client?.key), pem(client?.cert));
}
