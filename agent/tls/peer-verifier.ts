import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '#common/time/clock.js';
import type { VerifiedPeer } from '../access/identity.js';
import { leadsTo, readCertificates } from './pem.js';

/** Finds out whether a peer's certificate counts, at each call: connections live longer than certificates and authorities. */
export interface PeerVerifier {
  /** Undefined when the peer has no certificate, or none that can be trusted now. */
  verify(socket: TLSSocket): VerifiedPeer | undefined;
  /** True when the peer showed a certificate, good or not. */
  hasCertificate(socket: TLSSocket): boolean;
}

interface Known {
  readonly bundle: string;
  readonly trusted: boolean;
}

const maxChainLength = 5;

/** A verifier against the authorities of now. */
export function createPeerVerifier(clock: Clock, clientCa: () => string | undefined): PeerVerifier {
  const known = new WeakMap<TLSSocket, Known>();
  let authorities: { readonly bundle: string; readonly certificates: readonly X509Certificate[] } | undefined;
  const authoritiesOf = (bundle: string): readonly X509Certificate[] => {
    if (authorities?.bundle !== bundle) authorities = { bundle, certificates: readBundle(bundle) };
    return authorities.certificates;
  };
  const isTrusted = (socket: TLSSocket, bundle: string): boolean => {
    const before = known.get(socket);
    if (before?.bundle === bundle) return before.trusted;
    const trusted = leadsTo(chainOf(socket), authoritiesOf(bundle));
    known.set(socket, { bundle, trusted });
    return trusted;
  };
  return {
    hasCertificate: (socket) => socket.getPeerX509Certificate() !== undefined,
    verify: (socket) => {
      const bundle = clientCa();
      // At the handshake, the TLS library verified chain, time and purpose against the authorities of then.
      if (bundle === undefined || !socket.authorized) return undefined;
      const certificate = socket.getPeerX509Certificate();
      if (certificate === undefined || new Date(certificate.validTo) <= clock.date()) return undefined;
      if (!isTrusted(socket, bundle)) return undefined;
      const { subject } = socket.getPeerCertificate();
      return { organization: single(subject.O), commonName: single(subject.CN) };
    },
  };
}

// The type says string, but a name that holds a part twice gives a list: such a name is nobody's.
function single(part: unknown): string {
  return typeof part === 'string' ? part : '';
}

function readBundle(bundle: string): readonly X509Certificate[] {
  try {
    return readCertificates(bundle);
  } catch {
    return [];
  }
}

function chainOf(socket: TLSSocket): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next = socket.getPeerX509Certificate();
  while (next !== undefined && chain.length < maxChainLength && !chain.some((seen) => seen === next)) {
    chain.push(next);
    next = next.issuerCertificate;
  }
  return chain;
}
