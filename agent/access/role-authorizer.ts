import { unreachable } from '#common/errors/errors.js';
import { hasRole, type Role } from './identity.js';
import type { Authorizer, Question } from './authorizer.js';

/** Decides by the roles that the agent's own configuration gives. */
export function createRoleAuthorizer(): Authorizer {
  return {
    check: (caller, question) => {
      const role = roleFor(question);
      const allowed = hasRole(caller, role);
      const has = caller.roles.length === 0 ? 'none' : caller.roles.join(', ');
      return { allowed, reason: allowed ? `role ${has}` : `it needs the role "${role}"` };
    },
  };
}

function roleFor({ verb, resource }: Question): Role {
  if (verb === 'administer') return 'admin';
  switch (resource) {
    case 'panels':
    case 'sessions':
      return 'client';
    case 'gates':
      return 'operator';
    default:
      return unreachable(resource);
  }
}
