import { textAt, valueAt } from '../../store/json-copy.js';
import { badRequest } from '../../store/refusals.js';
import { apiVersionOf } from '../../store/resource-kind.js';
import { groupsOf, mayDo, mayRead, nameOf, type ApiUser } from '../access/access.js';
import type { ApiContext, ResourceRequest } from './api-context.js';
import { decodeObject, fieldValidationOf } from './decode-object.js';
import { sendJson } from '../wire/reply.js';
import { readValue } from '../wire/request-body.js';

const everything = ['*'];

/** `kubectl auth can-i`: whether the one who asks may do one thing. */
function answerAccess({ kinds }: ApiContext, user: ApiUser | undefined, spec: unknown): object {
  if (valueAt(spec, 'nonResourceAttributes') !== undefined) {
    const [verb, path] = ['verb', 'path'].map((field) => textAt(spec, 'nonResourceAttributes', field));
    return { allowed: mayDo(user, verb ?? '') || (verb === 'get' && mayRead(user, path ?? '')) };
  }
  const asked = valueAt(spec, 'resourceAttributes');
  if (asked === undefined) {
    throw badRequest('spec: give one of resourceAttributes and nonResourceAttributes');
  }
  const [verb, group, resource] = ['verb', 'group', 'resource'].map((field) => textAt(asked, field));
  const served = kinds.find(({ kind }) => kind.group === group && kind.plural === resource);
  return { allowed: mayDo(user, verb ?? '', served) };
}

/** `kubectl auth can-i --list`: everything that the one who asks may do. */
function answerRules({ kinds }: ApiContext, user: ApiUser | undefined): object {
  const reviews = kinds.filter(({ isReview }) => isReview).map(({ kind }) => kind);
  const verbs = mayDo(user, '*') ? everything : ['get', 'list', 'watch'].filter((verb) => mayDo(user, verb));
  const own = reviews.map(({ group, plural }) => ({ verbs: ['create'], apiGroups: [group], resources: [plural] }));
  const all = verbs.length === 0 ? [] : [{ verbs, apiGroups: everything, resources: everything }];
  const paths = { verbs: mayDo(user, '*') ? everything : ['get'], nonResourceURLs: everything };
  return { resourceRules: [...all, ...own], nonResourceRules: [paths], incomplete: false };
}

function answer(context: ApiContext, { target, user }: ResourceRequest, spec: unknown): object {
  switch (target.served.kind.kind) {
    case 'SelfSubjectAccessReview':
      return answerAccess(context, user, spec);
    case 'SelfSubjectRulesReview':
      return answerRules(context, user);
    default:
      return { userInfo: { username: nameOf(user), groups: groupsOf(user) } };
  }
}

/** Answers a question of `kubectl auth` about the one who asks. @throws StatusError BadRequest. */
export async function handleReview(context: ApiContext, call: ResourceRequest): Promise<void> {
  const { request, response, target } = call;
  const { served } = target;
  const asked = decodeObject(served, await readValue(request), fieldValidationOf(call), response);
  const { spec } = asked as { spec?: unknown };
  const status = answer(context, call, spec);
  const head = { kind: served.kind.kind, apiVersion: apiVersionOf(served.kind), metadata: {} };
  sendJson(response, 201, { ...head, ...(spec === undefined ? {} : { spec }), status });
}
