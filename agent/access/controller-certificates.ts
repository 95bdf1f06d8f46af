import type { Caller, Identity } from '../front/identity.js';

/** Organization in the certificates of controllers. */
export const controllersOrganization = 'panelet:controllers';

const controller: Caller = { name: 'panelet-controller', roles: ['operator'] };

/** Lets a verified certificate of a controller count as identity; everybody else is who `next` says. */
export function acceptControllers(next: Identity): Identity {
  return {
    authenticate: (credentials) =>
      credentials.peer?.organization === controllersOrganization ? controller : next.authenticate(credentials),
    reload: () => next.reload(),
  };
}
