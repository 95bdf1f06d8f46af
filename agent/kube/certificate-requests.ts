import { z } from 'zod';
import { PaneletError } from '#common/errors/errors.js';
import type { ApiClient } from '#kube/plain/api-client.js';

/** What became of a request for a certificate. */
export type RequestState =
  | { readonly kind: 'pending' }
  | { readonly kind: 'issued'; readonly certificate: string }
  | { readonly kind: 'refused'; readonly message: string };

/** A request for a certificate. */
export interface CertificateWish {
  readonly name: string;
  readonly signerName: string;
  /** The PKCS#10 request, PEM. */
  readonly request: string;
  readonly expirationSeconds: number;
}

/** CertificateSigningRequests of the cluster. */
export interface CertificateRequests {
  /** Creates one; that it exists already is fine, since names are made for one key. */
  create(wish: CertificateWish): Promise<void>;
  /** @throws PaneletError API_NOT_FOUND when the cluster has removed it; API_UNAVAILABLE. */
  state(name: string): Promise<RequestState>;
}

const path = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
const answer = z.object({
  status: z
    .object({
      certificate: z.string().optional(),
      conditions: z
        .array(z.object({ type: z.string(), reason: z.string().default(''), message: z.string().default('') }))
        .nullish(),
    })
    .default({}),
});

/** Requests through the API server. */
export function createCertificateRequests(api: ApiClient): CertificateRequests {
  return {
    create: async ({ name, signerName, request, expirationSeconds }) => {
      const body = {
        apiVersion: 'certificates.k8s.io/v1',
        kind: 'CertificateSigningRequest',
        metadata: { name, labels: { 'app.kubernetes.io/name': 'panelet', 'app.kubernetes.io/component': 'agent' } },
        spec: {
          ...{ signerName, expirationSeconds, usages: ['digital signature', 'server auth'] },
          request: Buffer.from(request).toString('base64'),
        },
      };
      try {
        await api.call({ method: 'POST', path, body });
      } catch (error) {
        if (!(error instanceof PaneletError) || error.code !== 'API_CONFLICT') throw error;
      }
    },
    state: async (name) => {
      const content = await api.call({ method: 'GET', path: `${path}/${encodeURIComponent(name)}` });
      const parsed = answer.safeParse(content);
      if (!parsed.success) throw new PaneletError('API_UNAVAILABLE', 'The API server answered no certificate request.');
      const { certificate, conditions } = parsed.data.status;
      const refusal = conditions?.find(({ type }) => type === 'Denied' || type === 'Failed');
      if (refusal !== undefined) {
        return {
          kind: 'refused',
          message: `${refusal.type}: ${refusal.message || refusal.reason || 'no reason given'}`,
        };
      }
      if (certificate === undefined || certificate === '') return { kind: 'pending' };
      return { kind: 'issued', certificate: Buffer.from(certificate, 'base64').toString('utf8') };
    },
  };
}
