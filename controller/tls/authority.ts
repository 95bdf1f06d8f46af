// The certificate library finds its parts by reflection and says so only at run time; this must come before it.
import 'reflect-metadata';
import { createPrivateKey, webcrypto, X509Certificate as ParsedCertificate } from 'node:crypto';

import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
  type JsonName,
} from '@peculiar/x509';

import { hexOf } from '#common/hex.js';
import type { Clock } from '#common/time/clock.js';
import { PaneletError, messageOf } from '#common/errors/errors.js';
import type { Random } from '#common/random.js';

/** Keys and signatures of everything that is made here. */
export const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** A certificate is good from this long before it was made, for clocks that are not quite right. */
export const backdatedMs = 5 * 60_000;

/** Where the things that are made take time and randomness from. */
export interface MakerDeps {
  readonly clock: Clock;
  readonly random: Random;
}

/** A certificate that signs others, and its key; both PEM. */
export interface Authority {
  readonly certificate: string;
  readonly key: string;
  /** Milliseconds since the epoch. */
  readonly notBeforeMs: number;
  /** Milliseconds since the epoch. */
  readonly notAfterMs: number;
}

/** A name that a certificate is for. */
export interface CertificateName {
  readonly type: 'dns' | 'ip';
  readonly value: string;
}

/** What a certificate is for. */
export type CertificateUsage = 'clientAuth' | 'serverAuth';

/** What a certificate shall say. */
export interface CertificateOrder {
  readonly subject: JsonName;
  readonly names: readonly CertificateName[];
  readonly usages: readonly CertificateUsage[];
  /** DER (SubjectPublicKeyInfo). */
  readonly publicKey: ArrayBuffer;
  /** How long it shall be good, in milliseconds from now; its authority's end comes first. */
  readonly validMs: number;
}

/** Makes an authority of its own, good for `validMs` milliseconds. */
export async function createAuthority({ clock, random }: MakerDeps, validMs: number): Promise<Authority> {
  const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const nowMs = clock.date().getTime();
  const serialNumber = serialOf(random);
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber,
      // A name of its own, or verifiers may take one authority for another.
      name: [{ O: ['panelet'] }, { CN: [`panelet-ca-${serialNumber.slice(0, 8)}`] }],
      notBefore: new Date(nowMs - backdatedMs),
      notAfter: new Date(nowMs + validMs),
      signingAlgorithm: keyAlgorithm,
      keys,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return loadAuthority(certificate.toString('pem'), await keyToPem(keys.privateKey));
}

/**
 * An authority from its PEM texts.
 * @throws PaneletError CONFIG_INVALID when they are not those of an authority, or do not belong together.
 */
export function loadAuthority(certificate: string, key: string): Authority {
  const refuse = (why: string, cause?: unknown): PaneletError =>
    new PaneletError('CONFIG_INVALID', `The certificate authority cannot be used: ${why}.`, { cause });
  let parsed: ParsedCertificate;
  let fits: boolean;
  try {
    parsed = new ParsedCertificate(certificate);
    fits = parsed.checkPrivateKey(createPrivateKey(key));
  } catch (error) {
    throw refuse(messageOf(error), error);
  }
  if (!fits) throw refuse('its key does not belong to its certificate');
  if (!parsed.ca) throw refuse('its certificate may not sign others');
  return { certificate, key, ...validityOf(parsed) };
}

/**
 * When a certificate is good.
 * @throws when the text is not the PEM of a certificate.
 */
export function validityOf(certificate: string | ParsedCertificate): Pick<Authority, 'notBeforeMs' | 'notAfterMs'> {
  const parsed = typeof certificate === 'string' ? new ParsedCertificate(certificate) : certificate;
  return { notBeforeMs: Date.parse(parsed.validFrom), notAfterMs: Date.parse(parsed.validTo) };
}

/** Signs a certificate that signs nothing itself; PEM, without its authority's. */
export async function issueCertificate(
  { clock, random }: MakerDeps,
  authority: Authority,
  order: CertificateOrder,
): Promise<string> {
  const issuer = new X509Certificate(authority.certificate);
  const [der] = PemConverter.decode(authority.key);
  if (der === undefined) throw new PaneletError('CONFIG_INVALID', 'The key of the certificate authority is empty.');
  const signingKey = await webcrypto.subtle.importKey('pkcs8', der, keyAlgorithm, false, ['sign']);
  const nowMs = clock.date().getTime();
  const names = order.names.length === 0 ? [] : [new SubjectAlternativeNameExtension([...order.names])];
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: serialOf(random),
      subject: order.subject,
      issuer: issuer.subjectName,
      notBefore: new Date(Math.max(authority.notBeforeMs, nowMs - backdatedMs)),
      notAfter: new Date(Math.min(authority.notAfterMs, nowMs + order.validMs)),
      signingAlgorithm: keyAlgorithm,
      publicKey: order.publicKey,
      signingKey,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension(order.usages.map((usage) => ExtendedKeyUsage[usage])),
        await AuthorityKeyIdentifierExtension.create(issuer.publicKey, false, webcrypto),
        ...names,
      ],
    },
    webcrypto,
  );
  return certificate.toString('pem');
}

/** A private key as PEM (PKCS #8). */
export async function keyToPem(key: webcrypto.CryptoKey): Promise<string> {
  return PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

function serialOf(random: Random): string {
  const bytes = random.bytes(16);
  // Positive, and no leading zero that would be dropped.
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return hexOf(bytes);
}
