import { PaneletError } from '#common/errors.js';
import type { AddressQuery, NodeAddress } from './attachment-loop.js';
import type { AddressOptions } from './client-options.js';

/** Finds the agent for a session. */
export interface AddressBook {
  /** @throws CONFIG_INVALID when no address was given. */
  resolve(query: AddressQuery): Promise<NodeAddress>;
}

/**
 * The address book of the options. Of several addresses a session gets that of its node; while its node is not known,
 * each failed attempt goes to the next.
 */
export function createAddressBook(options: AddressOptions): AddressBook {
  const given = options.addresses ?? (options.address === undefined ? {} : { '': options.address });
  const all = Object.entries(given);
  return {
    resolve: async (query) => {
      const { node } = query;
      if (options.resolve !== undefined) return { address: await options.resolve(query), node };
      const own = given[node];
      if (own !== undefined) return { address: own, node };
      const next = all[query.attempt % all.length];
      if (next === undefined) {
        throw new PaneletError(
          'CONFIG_INVALID',
          'No address of an agent is given. Give one, for example 127.0.0.1:7443.',
        );
      }
      const [name, address] = next;
      // An address without a name is asked for the session's node, should that be known by now.
      return { address, node: name === '' ? node : name };
    },
  };
}
