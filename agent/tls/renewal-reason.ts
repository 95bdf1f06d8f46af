import type { X509Certificate } from 'node:crypto';
import { nodeCommonName, nodeDnsNames, type NodeNames } from './key-request.js';
import { leadsTo } from './pem.js';

/** Why a node needs another certificate. */
export type RenewalReason = 'none yet' | 'for other names' | 'expired' | 'due' | 'address changed' | 'not trusted';

/** What is known when it is decided. */
export interface RenewalFacts {
  /** Leaf first; empty when there is none. */
  readonly chain: readonly X509Certificate[];
  readonly names: NodeNames;
  /** The authorities that everybody trusts; undefined while they are not known. */
  readonly authorities: readonly X509Certificate[] | undefined;
  readonly now: Date;
  /** Share of the life after which it is renewed. */
  readonly share: number;
}

/** Why another certificate is needed now; undefined when none is. Time counts last: the others say more. */
export function reasonToRenew({ chain, names, authorities, now, share }: RenewalFacts): RenewalReason | undefined {
  const [leaf] = chain;
  if (leaf === undefined) return 'none yet';
  if (!isFor(leaf, names)) return 'for other names';
  if (now.getTime() >= Date.parse(leaf.validTo)) return 'expired';
  if (names.podIp !== undefined && leaf.checkIP(names.podIp) === undefined) return 'address changed';
  if (authorities !== undefined && !leadsTo(chain, authorities)) return 'not trusted';
  return now.getTime() >= renewalTime(leaf, share) ? 'due' : undefined;
}

/** True for reasons with which clients still accept the certificate. */
export function isUsable(reason: RenewalReason | undefined): boolean {
  return reason === undefined || reason === 'due' || reason === 'address changed';
}

/** When a certificate is due, in milliseconds of the Unix epoch. */
export function renewalTime(leaf: X509Certificate, share: number): number {
  const from = Date.parse(leaf.validFrom);
  return from + (Date.parse(leaf.validTo) - from) * share;
}

function isFor(leaf: X509Certificate, names: NodeNames): boolean {
  const commonName = leaf.subject.split('\n').includes(`CN=${nodeCommonName(names.node)}`);
  return commonName && nodeDnsNames(names).every((name) => leaf.checkHost(name) !== undefined);
}
