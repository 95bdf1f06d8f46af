// The certificate library finds its parts by reflection and says so only at run time; this must come before it.
import 'reflect-metadata';
import { createPublicKey, webcrypto } from 'node:crypto';
import { isIPv6 } from 'node:net';

import { PemConverter, Pkcs10CertificateRequest, SubjectAlternativeNameExtension } from '@peculiar/x509';

/** What a PKCS #10 request asks for, and nothing about who asks. */
export interface AskedCertificate {
  /** Parts of the subject as `CN=value`, in their order. */
  readonly subject: readonly string[];
  readonly dnsNames: readonly string[];
  /** As {@link normalIp} writes them. */
  readonly ips: readonly string[];
  /** Whatever else it asks for, in words. */
  readonly others: readonly string[];
  /** Public key, DER (SubjectPublicKeyInfo). */
  readonly publicKey: ArrayBuffer;
}

const maxRequestBytes = 16 * 1024;
const extensionRequest = '1.2.840.113549.1.9.14';
const subjectAlternativeName = '2.5.29.17';

/** One way to write an IP address: IPv6 in its shortest form. */
export function normalIp(ip: string): string {
  return isIPv6(ip) ? new URL(`http://[${ip}]`).hostname.slice(1, -1) : ip;
}

/**
 * Reads the request in a CertificateSigningRequest (PEM in base64). Undefined when it is not one, when its key is not ECDSA
 * P-256, or when whoever made it does not have that key.
 */
export async function readAskedCertificate(request: string): Promise<AskedCertificate | undefined> {
  try {
    const pem = Buffer.from(request, 'base64').toString('latin1');
    if (pem.length > maxRequestBytes) return undefined;
    const blocks = PemConverter.decodeWithHeaders(pem);
    const [block] = blocks;
    if (block === undefined || blocks.length > 1 || block.type !== 'CERTIFICATE REQUEST') return undefined;
    const parsed = new Pkcs10CertificateRequest(block.rawData);
    const publicKey = parsed.publicKey.rawData;
    const key = createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' });
    const isP256 = key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
    if (!isP256 || !(await parsed.verify(webcrypto))) return undefined;
    return read(parsed);
  } catch {
    // Whatever cannot be read is not signed; the libraries below throw errors of many kinds.
    return undefined;
  }
}

function read(parsed: Pkcs10CertificateRequest): AskedCertificate {
  const subject = parsed.subjectName
    .toJSON()
    .flatMap((part) => Object.entries(part).flatMap(([type, values]) => values.map((value) => `${type}=${value}`)));
  const types = parsed.attributes.map(({ type }) => type);
  const expected = types.indexOf(extensionRequest);
  const others = types.filter((_type, index) => index !== expected).map((type) => `attribute ${type}`);
  const dnsNames: string[] = [];
  const ips: string[] = [];
  let hasNames = false;
  for (const extension of parsed.extensions) {
    if (extension.type !== subjectAlternativeName || hasNames) {
      others.push(`extension ${extension.type}`);
      continue;
    }
    hasNames = true;
    for (const { type, value } of new SubjectAlternativeNameExtension(extension.rawData).names.items) {
      if (type === 'dns') dnsNames.push(value);
      else if (type === 'ip') ips.push(normalIp(value));
      else others.push(`name of type ${type}`);
    }
  }
  return { subject, dnsNames, ips, others, publicKey: parsed.publicKey.rawData };
}
