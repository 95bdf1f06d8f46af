import { credentials, type ChannelCredentials } from '@grpc/grpc-js';
import { PaneletError } from '#common/errors/errors.js';

/** How connections are protected. `'auto'`: TLS with the system's authorities, except to this machine. */
export type TlsOption =
  | 'auto'
  | 'plaintext'
  | {
      /** Authorities to trust, PEM. @default the system's */
      readonly ca?: Uint8Array | string;
      /**
       * Name to check the certificate against, when it is not the host of the address. A function is asked for each connection, with the
       * node it leads to, or `''` while that is not known: `nodeServerName` for agents of a cluster that the controller gave certificates.
       */
      readonly serverName?: string | ((node: string) => string);
    };

/** Name to check the certificate of a node's agent against; undefined for the host of the address. */
export function serverNameOf(tls: TlsOption, node: string): string | undefined {
  if (typeof tls !== 'object') return undefined;
  return typeof tls.serverName === 'function' ? tls.serverName(node) : tls.serverName;
}

const loopbackHost = /^(localhost|127(\.\d{1,3}){3}|\[::1\]|unix:.*)$/;

function hostOf(address: string): string {
  if (address.startsWith('unix:')) return address;
  const match = /^(\[[0-9a-fA-F:]+\]|[^:/\s]+):(\d{1,5})$/.exec(address);
  const port = Number(match?.[2]);
  if (match?.[1] === undefined || port < 1 || port > 65_535) {
    const advice = 'Give the address of an agent, for example 127.0.0.1:7443.';
    throw new PaneletError('CONFIG_INVALID', `The address "${address}" is not of the form host:port.`, { advice });
  }
  return match[1];
}

/** True for an address `host:port` that leads no farther than this machine. */
export function isThisMachine(address: string): boolean {
  return loopbackHost.test(hostOf(address));
}

/**
 * Credentials for an agent's address. A token never travels in plaintext to another machine, unless asked for.
 * @throws CONFIG_INVALID for an address that is not `host:port`.
 */
export function credentialsFor(address: string, tls: TlsOption): ChannelCredentials {
  const isHere = isThisMachine(address);
  if (tls === 'plaintext' || (tls === 'auto' && isHere)) return credentials.createInsecure();
  const ca = tls === 'auto' ? undefined : tls.ca;
  return credentials.createSsl(ca === undefined ? null : Buffer.from(ca));
}
