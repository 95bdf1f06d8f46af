import { PaneletError } from '#common/errors.js';
import type { AddressQuery } from './attachment-loop.js';
import type { AddressOptions } from './client-options.js';

/** Finds the agent for a session. */
export interface AddressBook {
  /** @throws CONFIG_INVALID when no address was given. */
  resolve(query: AddressQuery): Promise<string>;
}

/**
 * The address book of the options. Of several addresses a session gets that of its node; while its node is not known,
 * each failed attempt goes to the next.
 */
export function createAddressBook(options: AddressOptions): AddressBook {
  const given = options.addresses ?? (options.address === undefined ? {} : { '': options.address });
  const all = Object.values(given);
  return {
    resolve: async (query) => {
      if (options.resolve !== undefined) return await options.resolve(query);
      const address = given[query.node] ?? all[query.attempt % all.length];
      if (address === undefined) {
        throw new PaneletError(
          'CONFIG_INVALID',
          'No address of an agent is given. Give one, for example 127.0.0.1:7443.',
        );
      }
      return address;
    },
  };
}
