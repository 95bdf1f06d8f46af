import { z } from 'zod';
import { PaneletError } from '#common/errors/errors.js';
import type { ApiClient } from '#kube/plain/api-client.js';

/** Somebody as the API server knows them. */
export interface KubernetesUser {
  readonly name: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** What a SubjectAccessReview is asked about. */
export type AccessAttributes =
  | {
      readonly group: string;
      readonly namespace: string;
      readonly verb: string;
      readonly resource: string;
      readonly name: string;
    }
  | { readonly path: string; readonly verb: string };

/** What came of a SubjectAccessReview. */
export interface AccessDecision {
  readonly allowed: boolean;
  /** What the API server says about why; may be empty. */
  readonly reason: string;
}

/** The two questions an agent asks about others. */
export interface Reviews {
  /**
   * Who a token belongs to; undefined when the API server does not accept it for one of the audiences. Without
   * audiences, those of the API server itself count.
   * @throws PaneletError API_UNAVAILABLE when nobody can say.
   */
  whoIs(token: string, audiences: readonly string[]): Promise<KubernetesUser | undefined>;
  /** @throws PaneletError API_UNAVAILABLE when nobody can say. */
  mayThey(user: KubernetesUser, attributes: AccessAttributes): Promise<AccessDecision>;
}

const strings = z
  .array(z.string())
  .nullish()
  .transform((value) => value ?? []);
const tokenStatus = z.object({
  status: z.object({
    authenticated: z.boolean().optional(),
    audiences: strings,
    error: z.string().optional(),
    user: z
      .object({
        username: z.string().default(''),
        uid: z.string().default(''),
        groups: strings,
        extra: z
          .record(z.string(), strings)
          .nullish()
          .transform((value) => value ?? {}),
      })
      .optional(),
  }),
});
const accessStatus = z.object({
  status: z.object({
    allowed: z.boolean(),
    denied: z.boolean().optional(),
    reason: z.string().default(''),
    evaluationError: z.string().default(''),
  }),
});

/** Reviews through the API server. */
export function createReviews(api: ApiClient): Reviews {
  return {
    whoIs: async (token, audiences) => {
      const spec = { token, ...(audiences.length === 0 ? {} : { audiences }) };
      const { status } = await review(api, { kind: 'TokenReview', group: 'authentication.k8s.io', spec }, tokenStatus);
      if (status.authenticated !== true || status.user === undefined || status.user.username === '') return undefined;
      // An API server that knows no audiences answers with none: such a token was not made for us.
      if (audiences.length > 0 && !audiences.some((audience) => status.audiences.includes(audience))) return undefined;
      const { username, uid, groups, extra } = status.user;
      return { name: username, uid, groups, extra };
    },
    mayThey: async ({ name, uid, groups, extra }, attributes) => {
      const about = 'path' in attributes ? { nonResourceAttributes: attributes } : { resourceAttributes: attributes };
      const spec = { user: name, uid, groups, extra, ...about };
      const asked = { kind: 'SubjectAccessReview', group: 'authorization.k8s.io', spec } as const;
      const { status } = await review(api, asked, accessStatus);
      const allowed = status.allowed && status.denied !== true;
      return { allowed, reason: status.reason === '' ? status.evaluationError : status.reason };
    },
  };
}

interface Asked {
  readonly kind: 'TokenReview' | 'SubjectAccessReview';
  readonly group: string;
  readonly spec: unknown;
}

// Whatever keeps the API server from deciding is the same to a caller: nobody can say, and trying again may help.
async function review<T extends z.ZodType>(api: ApiClient, asked: Asked, answer: T): Promise<z.infer<T>> {
  const path = `/apis/${asked.group}/v1/${asked.kind.toLowerCase()}s`;
  const body = { apiVersion: `${asked.group}/v1`, kind: asked.kind, spec: asked.spec };
  let content: unknown;
  try {
    content = await api.call({ method: 'POST', path, body });
  } catch (error) {
    throw unanswered(asked, error);
  }
  const parsed = answer.safeParse(content);
  if (parsed.success) return parsed.data;
  throw unanswered(asked, parsed.error);
}

// The cause is for the log; a caller who is not known yet learns nothing about the cluster.
function unanswered({ kind }: Asked, cause: unknown): PaneletError {
  return new PaneletError('API_UNAVAILABLE', `The API server did not answer a ${kind}. Try again.`, { cause });
}
