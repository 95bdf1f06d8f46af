import 'reflect-metadata';
import { webcrypto } from 'node:crypto';

import {
  ChallengePasswordAttribute,
  BasicConstraintsExtension,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  type JsonGeneralName,
  type JsonName,
} from '@peculiar/x509';

/** What a PKCS #10 request of a test asks for. */
export interface RequestForm {
  readonly subject: JsonName;
  readonly names: readonly JsonGeneralName[];
  /** Also asks to be an authority. @default false */
  readonly authority?: boolean;
  /** Also carries an attribute that nobody asked for. @default false */
  readonly attribute?: boolean;
  /** @default ECDSA P-256 */
  readonly curve?: 'P-256' | 'P-384';
}

/** The form that an agent on `node` with the address `ip` asks for. */
export function agentForm(node: string, ip: string, namespace: string): RequestForm {
  return {
    subject: [{ O: ['panelet:agents'] }, { CN: [`panelet:node:${node}`] }],
    names: [
      { type: 'dns', value: 'panelet-agent' },
      { type: 'dns', value: `panelet-agent.${namespace}.svc` },
      { type: 'dns', value: `${node}.node.panelet.dev` },
      { type: 'ip', value: ip },
    ],
  };
}

/** A key pair, and a request for it as it stands in a CertificateSigningRequest (PEM in base64). */
export async function createRequest(form: RequestForm): Promise<{ request: string; key: webcrypto.CryptoKey }> {
  const algorithm = { name: 'ECDSA', namedCurve: form.curve ?? 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const parsed = await Pkcs10CertificateRequestGenerator.create(
    {
      name: form.subject,
      keys,
      signingAlgorithm: algorithm,
      extensions: [
        ...(form.names.length === 0 ? [] : [new SubjectAlternativeNameExtension([...form.names])]),
        ...(form.authority === true ? [new BasicConstraintsExtension(true, 1, true)] : []),
      ],
      attributes: form.attribute === true ? [new ChallengePasswordAttribute('secret')] : [],
    },
    webcrypto,
  );
  return { request: Buffer.from(parsed.toString('pem')).toString('base64'), key: keys.privateKey };
}
