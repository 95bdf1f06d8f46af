import type { Resource } from './api.js';
import type { KubeObject } from './objects.js';

/** What the controller reads of a Secret: values are base64. */
export interface Secret extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** What the controller reads of a ConfigMap. */
export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** A condition of a request; the API server puts the times in. */
export interface RequestCondition {
  readonly type: 'Approved' | 'Denied' | 'Failed';
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason?: string;
  readonly message?: string;
}

/** A request for a certificate: the API server writes who asks (`username`, `extra`), nobody can change it later. */
export interface CertificateSigningRequest extends KubeObject {
  readonly spec: {
    readonly signerName: string;
    /** PEM of the PKCS #10 request, in base64. */
    readonly request: string;
    readonly usages?: readonly string[];
    readonly expirationSeconds?: number;
    readonly username?: string;
    readonly extra?: Readonly<Record<string, readonly string[]>>;
  };
  readonly status?: {
    readonly conditions?: readonly RequestCondition[];
    /** PEM of the certificate and its issuer, in base64. */
    readonly certificate?: string;
  };
}

/** Secrets. */
export const secrets: Resource<Secret> = {
  group: '',
  version: 'v1',
  plural: 'secrets',
  kind: 'Secret',
  namespaced: true,
};

/** ConfigMaps. */
export const configMaps: Resource<ConfigMap> = {
  group: '',
  version: 'v1',
  plural: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
};

/** CertificateSigningRequests. */
export const certificateSigningRequests: Resource<CertificateSigningRequest> = {
  group: 'certificates.k8s.io',
  version: 'v1',
  plural: 'certificatesigningrequests',
  kind: 'CertificateSigningRequest',
  namespaced: false,
};
