import { X509Certificate } from 'node:crypto';

/**
 * Every certificate of a PEM text, in order.
 * @throws Error when one of them cannot be read.
 */
export function readCertificates(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

/** When the first certificate of a PEM text expires; the epoch when there is none. */
export function certificateExpiry(pem: string): Date {
  try {
    const [leaf] = readCertificates(pem);
    return leaf === undefined ? new Date(0) : new Date(leaf.validTo);
  } catch {
    return new Date(0);
  }
}

/** True when one of the authorities issued the certificate. */
export function isIssuedBy(certificate: X509Certificate, authorities: readonly X509Certificate[]): boolean {
  return authorities.some((authority) => certificate.checkIssued(authority) && certificate.verify(authority.publicKey));
}

/** True when a chain, leaf first, leads to one of the authorities. Validity in time is for the caller to check. */
export function leadsTo(chain: readonly X509Certificate[], authorities: readonly X509Certificate[]): boolean {
  for (const [index, certificate] of chain.entries()) {
    if (isIssuedBy(certificate, authorities)) return true;
    const next = chain[index + 1];
    if (next === undefined || !next.ca || !isIssuedBy(certificate, [next])) return false;
  }
  return false;
}
