// The certificate library keeps its decorators' data there.
import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import {
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  type JsonName,
  type PublicKey,
} from '@peculiar/x509';

/** A certificate to issue. */
export interface IssueOptions {
  readonly subject: JsonName;
  /** Host names and IP addresses. */
  readonly hosts?: readonly string[];
  /** @default server */
  readonly usage?: 'server' | 'client';
  /** @default a day from now */
  readonly notAfter?: Date;
  /** @default a minute ago */
  readonly notBefore?: Date;
}

/** A certificate with its key, PEM. */
export interface IssuedPair {
  readonly cert: string;
  readonly key: string;
}

/** An authority of a test. */
export interface TestAuthority {
  readonly pem: string;
  issue(options: IssueOptions): Promise<IssuedPair>;
  /** Signs what a PKCS#10 request asks for, PEM; `change` what it did not. */
  sign(request: string, change?: Partial<IssueOptions>): Promise<string>;
}

/** Subject of a controller's certificate. */
export const controllerSubject: JsonName = [{ O: ['panelet:controllers'] }, { CN: ['panelet-controller'] }];

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMs = 86_400_000;
const makeKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);

/** Makes an authority. */
export async function createTestAuthority(name: string): Promise<TestAuthority> {
  cryptoProvider.set(webcrypto as unknown as Parameters<typeof cryptoProvider.set>[0]);
  const keys = await makeKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    ...{ name: `CN=${name}`, keys, signingAlgorithm: algorithm },
    notBefore: new Date(Date.now() - dayMs),
    notAfter: new Date(Date.now() + 10 * dayMs),
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  const issueFor = async (publicKey: webcrypto.CryptoKey | PublicKey, options: IssueOptions): Promise<string> => {
    const names = (options.hosts ?? []).map((host) => ({
      type: isIP(host) === 0 ? ('dns' as const) : ('ip' as const),
      value: host,
    }));
    const usage = options.usage === 'client' ? ExtendedKeyUsage.clientAuth : ExtendedKeyUsage.serverAuth;
    const issued = await X509CertificateGenerator.create({
      ...{ subject: options.subject, issuer: certificate.subject, publicKey, signingAlgorithm: algorithm },
      serialNumber: `01${randomBytes(8).toString('hex')}`,
      signingKey: keys.privateKey,
      notBefore: options.notBefore ?? new Date(Date.now() - 60_000),
      notAfter: options.notAfter ?? new Date(Date.now() + dayMs),
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new ExtendedKeyUsageExtension([usage]),
        ...(names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names)]),
      ],
    });
    return issued.toString('pem');
  };
  const pem = certificate.toString('pem');
  return {
    pem,
    issue: async (options) => {
      const pair = await makeKeys();
      const cert = await issueFor(pair.publicKey, options);
      const key = PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', pair.privateKey), 'PRIVATE KEY');
      return { cert, key };
    },
    sign: async (text, change) => {
      const request = new Pkcs10CertificateRequest(text);
      const names =
        request.extensions.find((part) => part instanceof SubjectAlternativeNameExtension)?.names.items ?? [];
      const hosts = names.map(({ value }) => value);
      const leaf = await issueFor(request.publicKey, { subject: request.subjectName.toJSON(), hosts, ...change });
      return `${leaf}\n${pem}\n`;
    },
  };
}
