// The certificate library finds its parts by reflection and says so only at run time; this must come before it.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import {
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { hexOf } from '#common/hex.js';
import { replaceFileSync } from '#common/files/replace-file.js';
import type { Clock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import type { Random } from '#common/random.js';

/** What a TLS server needs, and what its clients need to trust it; all PEM. */
export interface ServerCertificates {
  readonly caCertificate: string;
  readonly certificate: string;
  readonly key: string;
}

/** What {@link ensureCertificates} needs. */
export interface CertificateOptions {
  /** Where the authority and the server's certificate are kept. */
  readonly directory: string;
  /** Host names and IP addresses of the server. */
  readonly hosts: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const yearMs = 365 * 24 * 3600 * 1000;
const authorityYears = 10;

interface KeyedCertificate {
  readonly certificate: X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
}

function validity(clock: Clock, years: number): { notBefore: Date; notAfter: Date } {
  const nowMs = clock.date().getTime();
  // A day back, for clocks that are not quite right.
  return { notBefore: new Date(nowMs - 24 * 3600 * 1000), notAfter: new Date(nowMs + years * yearMs) };
}

function serialNumber(random: Random): string {
  const bytes = random.bytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01;
  return hexOf(bytes);
}

const generateKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);

const keyToPem = async (key: webcrypto.CryptoKey): Promise<string> =>
  PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');

async function createAuthority({ clock, random }: CertificateOptions): Promise<KeyedCertificate> {
  const keys = await generateKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(random),
    name: 'CN=panelet-devcluster-ca',
    ...validity(clock, authorityYears),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  return { certificate, keys };
}

async function loadAuthority(options: CertificateOptions): Promise<KeyedCertificate> {
  const certificatePath = join(options.directory, 'ca.crt');
  const keyPath = join(options.directory, 'ca.key');
  if (existsSync(certificatePath) && existsSync(keyPath)) {
    try {
      const certificate = new X509Certificate(readFileSync(certificatePath, 'utf8'));
      const [der] = PemConverter.decode(readFileSync(keyPath, 'utf8'));
      if (der === undefined) throw new Error('no key');
      const privateKey = await webcrypto.subtle.importKey('pkcs8', der, algorithm, true, ['sign']);
      const publicKey = (await certificate.publicKey.export(algorithm, ['verify'])) as webcrypto.CryptoKey;
      return { certificate, keys: { privateKey, publicKey } };
    } catch (error) {
      const message = `The authority in ${options.directory} is damaged. Remove ca.crt and ca.key to make another.`;
      throw new PaneletError('STATE_DIR_UNUSABLE', message, { cause: error });
    }
  }
  const authority = await createAuthority(options);
  replaceFileSync(keyPath, await keyToPem(authority.keys.privateKey));
  replaceFileSync(certificatePath, authority.certificate.toString('pem'));
  return authority;
}

/**
 * The server's certificate, signed by an authority that is made at the first start and kept, so that kubeconfigs stay good. The
 * server's own certificate is made anew each time.
 * @throws PaneletError STATE_DIR_UNUSABLE.
 */
export async function ensureCertificates(options: CertificateOptions): Promise<ServerCertificates> {
  cryptoProvider.set(webcrypto as unknown as Parameters<typeof cryptoProvider.set>[0]);
  mkdirSync(options.directory, { recursive: true, mode: 0o700 });
  const authority = await loadAuthority(options);
  const keys = await generateKeys();
  const names = options.hosts.map((host) => ({
    type: isIP(host) === 0 ? ('dns' as const) : ('ip' as const),
    value: host,
  }));
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(options.random),
    subject: 'CN=panelet-devcluster',
    issuer: authority.certificate.subject,
    ...validity(options.clock, 1),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey: authority.keys.privateKey,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(names),
    ],
  });
  return {
    caCertificate: authority.certificate.toString('pem'),
    certificate: certificate.toString('pem'),
    key: await keyToPem(keys.privateKey),
  };
}
