import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { ServedKind } from '../../kinds/served-kind.js';
import { StatusError } from '../../store/status-error.js';
import type { RequestTarget } from '../wire/request-target.js';

/** Somebody who may use the API. */
export interface ApiUser {
  readonly name: string;
  readonly token: string;
  /** Everything, only get, list and watch, or nothing but discovery. @default 'admin' */
  readonly access?: 'admin' | 'view' | 'none';
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Whom the sender acts as (`kubectl --as`): somebody with a token here, or somebody who may do nothing. */
function actingAs(users: readonly ApiUser[], sender: ApiUser, headers: IncomingMessage['headers']): ApiUser {
  const name = headers['impersonate-user'];
  if (typeof name !== 'string') return sender;
  if ((sender.access ?? 'admin') !== 'admin') {
    const message = `users "${name}" is forbidden: User "${sender.name}" cannot impersonate resource "users" in API group "" at the cluster scope`;
    throw new StatusError(403, 'Forbidden', message, { name, kind: 'users' });
  }
  const groups = [headers['impersonate-group'] ?? []].flat().flatMap((text) => text.split(/, */));
  if (groups.includes('system:masters')) return { name, token: '' };
  return users.find((user) => user.name === name) ?? { name, token: '', access: 'none' };
}

/**
 * Who sends a request, by its bearer token, or whom they act as; undefined for a request without a token.
 * @throws StatusError Unauthorized for a token nobody has; Forbidden for who may not act as another.
 */
export function createAuthenticator(users: readonly ApiUser[]): (request: IncomingMessage) => ApiUser | undefined {
  const known = users.map((user) => ({ user, hash: digest(user.token) }));
  return (request) => {
    const header = request.headers.authorization;
    if (header === undefined) return undefined;
    const hash = digest(/^bearer (.+)$/i.exec(header)?.[1] ?? '');
    const found = known.find((candidate) => timingSafeEqual(candidate.hash, hash));
    if (found === undefined) throw new StatusError(401, 'Unauthorized', 'Unauthorized');
    return actingAs(users, found.user, request.headers);
  };
}

const readVerbs = new Set(['get', 'list', 'watch']);
const openPaths = new Set(['/healthz', '/livez', '/readyz', '/version']);

/** The verb of a request as authorization names it. */
export function verbOf(method: string, target: RequestTarget, isWatch: boolean): string {
  const isOne = target.name !== undefined;
  switch (method) {
    case 'GET':
      if (isWatch) return 'watch';
      return isOne ? 'get' : 'list';
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    default:
      return isOne ? 'delete' : 'deletecollection';
  }
}

/** Name of a user, as answers give it. */
export function nameOf(user: ApiUser | undefined): string {
  return user?.name ?? 'system:anonymous';
}

/** Groups of a user, as answers give them. */
export function groupsOf(user: ApiUser | undefined): readonly string[] {
  if (user === undefined) return ['system:unauthenticated'];
  return [...((user.access ?? 'admin') === 'admin' ? ['system:masters'] : []), 'system:authenticated'];
}

/** True when the user may do this to resources; to those of one kind, where one is given. */
export function mayDo(user: ApiUser | undefined, verb: string, served?: ServedKind): boolean {
  if (user === undefined) return false;
  const { access = 'admin' } = user;
  if (access === 'admin' || (access === 'view' && readVerbs.has(verb))) return true;
  // Everybody may ask about himself.
  return verb === 'create' && served?.isReview === true;
}

/** True when the user may read a path that is no resource. */
export function mayRead(user: ApiUser | undefined, path: string): boolean {
  return user !== undefined || openPaths.has(path);
}

/** @throws StatusError Forbidden when the user may not do this to a resource. */
export function authorizeResource(user: ApiUser | undefined, verb: string, target: RequestTarget): void {
  if (mayDo(user, verb, target.served)) return;
  const { group, plural } = target.served.kind;
  const resource = target.subresource === undefined ? plural : `${plural}/${target.subresource}`;
  const where = target.namespace === undefined ? 'at the cluster scope' : `in the namespace "${target.namespace}"`;
  const subject = `${group === '' ? plural : `${plural}.${group}`}${target.name === undefined ? '' : ` "${target.name}"`}`;
  const message = `${subject} is forbidden: User "${nameOf(user)}" cannot ${verb} resource "${resource}" in API group "${group}" ${where}`;
  throw new StatusError(403, 'Forbidden', message, {
    ...(target.name === undefined ? {} : { name: target.name }),
    ...(group === '' ? {} : { group }),
    kind: plural,
  });
}

/** @throws StatusError Forbidden when the user may not read a path that is no resource. */
export function authorizePath(user: ApiUser | undefined, path: string): void {
  if (mayRead(user, path)) return;
  throw new StatusError(403, 'Forbidden', `forbidden: User "${nameOf(user)}" cannot get path "${path}"`, {});
}
