import { PaneletError } from '#common/errors/errors.js';
import type { AddressOptions, AddressQuery } from './client-options.js';

/** An address, and the node it leads to; `''` when that is not known. */
export interface NodeAddress {
  readonly address: string;
  readonly node: string;
}

/** Finds the agent for a session. */
export interface AddressBook {
  /** True when another question about the session may have another answer. */
  mayMove(query: AddressQuery): boolean;
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
    mayMove: ({ node }) => options.resolve !== undefined || (given[node] === undefined && all.length > 1),
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
