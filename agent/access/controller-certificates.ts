import { PaneletError } from '#common/errors/errors.js';
import type { Caller, Credentials, Identity } from './identity.js';

/** Organization in the certificates of controllers. */
export const controllersOrganization = 'panelet:controllers';

const controller: Caller = { name: 'panelet-controller', roles: ['operator', 'controller'] };

/** Lets a verified certificate of a controller count as identity; everybody else is who `next` says. */
export function acceptControllers(next: Identity): Identity {
  return {
    authenticate: (credentials) => (isController(credentials) ? controller : next.authenticate(credentials)),
    current: (caller) => (caller === controller ? controller : next.current(caller)),
    reload: () => next.reload(),
  };
}

/** Knows controllers by their verified certificates, and nobody else: tokens count for nothing. */
export function createControllersIdentity(): Identity {
  return {
    authenticate: (credentials) => {
      if (isController(credentials)) return controller;
      throw new PaneletError('IDENTITY_MISSING', 'This port is for controllers, which show their certificates.');
    },
    current: () => controller,
    reload: () => Promise.resolve(),
  };
}

function isController({ peer }: Credentials): boolean {
  return peer?.organization === controllersOrganization;
}
