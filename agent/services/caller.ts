import { timingSafeEqual } from 'node:crypto';
import type { Metadata } from '@grpc/grpc-js';
import { PaneletError } from '#common/errors.js';
import { hasRole, type Caller, type Role } from '../front/identity.js';

/** Reads who calls from what the front set, and trusts it only with the secret of this process. */
export type CallerReader = (metadata: Metadata, needed?: Role) => Caller;

const roles: readonly string[] = ['client', 'operator', 'admin'] satisfies Role[];

/**
 * A reader for one secret.
 * The reader throws IDENTITY_MISSING for calls that did not come through the front, IDENTITY_REFUSED without the role.
 */
export function createCallerReader(secret: string): CallerReader {
  const expected = Buffer.from(secret);
  return (metadata, needed) => {
    const given = Buffer.from(first(metadata, 'panelet-agent-secret'));
    const name = first(metadata, 'panelet-identity');
    if (given.length !== expected.length || !timingSafeEqual(given, expected) || name === '') {
      throw new PaneletError('IDENTITY_MISSING', 'This service is reached through the port of the agent only.');
    }
    const known = first(metadata, 'panelet-roles').split(',').filter(isRole);
    const caller: Caller = { name, roles: known };
    if (needed !== undefined && !hasRole(caller, needed)) {
      throw new PaneletError('IDENTITY_REFUSED', `"${name}" may not do that: it needs the role "${needed}".`);
    }
    return caller;
  };
}

function isRole(text: string): text is Role {
  return roles.includes(text);
}

function first(metadata: Metadata, key: string): string {
  const [value] = metadata.get(key);
  return typeof value === 'string' ? value : '';
}
