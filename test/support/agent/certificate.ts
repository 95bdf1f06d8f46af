// The certificate library keeps its decorators' data there.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  cryptoProvider,
  PemConverter,
} from '@peculiar/x509';

/** A self-signed certificate for localhost, in files. */
export interface TestCertificate {
  readonly dir: string;
  readonly certFile: string;
  readonly keyFile: string;
  /** Replaces it by another one. */
  renew(name: string): Promise<void>;
  close(): Promise<void>;
}

/** Creates a certificate that is valid for a day. */
export async function createTestCertificate(name: string): Promise<TestCertificate> {
  const dir = await mkdtemp(join(tmpdir(), 'panelet-tls-'));
  const certFile = join(dir, 'cert.pem');
  const keyFile = join(dir, 'key.pem');
  const renew = async (commonName: string): Promise<void> => {
    cryptoProvider.set(webcrypto as unknown as Parameters<typeof cryptoProvider.set>[0]);
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const certificate = await X509CertificateGenerator.createSelfSigned({
      name: `CN=${commonName}`,
      keys,
      signingAlgorithm: algorithm,
      notAfter: new Date(Date.now() + 86_400_000),
      extensions: [new SubjectAlternativeNameExtension([{ type: 'dns', value: 'localhost' }])],
    });
    const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
    await writeFile(certFile, certificate.toString('pem'));
    await writeFile(keyFile, PemConverter.encode(key, 'PRIVATE KEY'));
  };
  await renew(name);
  return { dir, certFile, keyFile, renew, close: () => rm(dir, { recursive: true, force: true }) };
}
