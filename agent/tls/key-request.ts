// The certificate library finds its parts by reflection and says so only at run time; this must come before it.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { nodeServerName } from '#common/node-server-name.js';
import {
  cryptoProvider,
  PemConverter,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
} from '@peculiar/x509';

/** Names that a node's certificate is for. */
export interface NodeNames {
  readonly node: string;
  readonly namespace: string;
  /** Name of the agents' service, which clients verify. */
  readonly serviceName: string;
  /** Address of the pod; without one, the certificate has none. */
  readonly podIp: string | undefined;
}

/** A new key and the request for a certificate of it, PEM. */
export interface KeyAndRequest {
  readonly key: string;
  readonly request: string;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** Common name of a node's certificate. */
export function nodeCommonName(node: string): string {
  return `panelet:node:${node}`;
}

/** DNS names of a node's certificate; the last one is the node's own. */
export function nodeDnsNames({ node, namespace, serviceName }: NodeNames): readonly string[] {
  return [serviceName, `${serviceName}.${namespace}.svc`, nodeServerName(node)];
}

/** Makes a key (ECDSA P-256) and asks for a certificate with the names of the node, and nothing else. */
export async function createKeyRequest(names: NodeNames): Promise<KeyAndRequest> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const dns = nodeDnsNames(names).map((value) => ({ type: 'dns' as const, value }));
  const ip = names.podIp === undefined ? [] : [{ type: 'ip' as const, value: names.podIp }];
  cryptoProvider.set(webcrypto as unknown as Parameters<typeof cryptoProvider.set>[0]);
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: [{ O: ['panelet:agents'] }, { CN: [nodeCommonName(names.node)] }],
    keys,
    signingAlgorithm: algorithm,
    extensions: [new SubjectAlternativeNameExtension([...dns, ...ip])],
  });
  const key = PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
  return { key, request: request.toString('pem') };
}
