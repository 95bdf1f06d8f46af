import { notFound } from '../../store/refusals.js';
import type { ApiContext, ResourceRequest } from './api-context.js';
import { needObject } from './read-handlers.js';
import { sendJson } from '../wire/reply.js';
import { readBody } from '../wire/request-body.js';
import { timestamp } from '#common/time/clock.js';

// These tokens do not expire. An answer has to name a time: one that no dev cluster sees.
const neverMs = 10 * 365 * 24 * 3_600_000;

/**
 * Answers `kubectl create token`: the token that agents know the identity of this name by. It is for agents whatever audience is asked
 * for, and for as long as the dev cluster lasts.
 * @throws StatusError NotFound.
 */
export async function handleToken(context: ApiContext, { request, response, target }: ResourceRequest): Promise<void> {
  const { name, namespace = '', creationTimestamp } = needObject(context, target).metadata;
  await readBody(request);
  const token = context.accountTokens?.(namespace, name);
  if (token === undefined) throw notFound(target.served.kind, name);
  const expires = timestamp(new Date(context.clock.date().getTime() + neverMs));
  sendJson(response, 201, {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { name, namespace, creationTimestamp },
    spec: { audiences: ['panelet.dev'], expirationSeconds: neverMs / 1000, boundObjectRef: null },
    status: { token, expirationTimestamp: expires },
  });
}
