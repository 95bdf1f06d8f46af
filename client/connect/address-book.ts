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
  /**
   * The addresses to try, the likeliest first; at least one.
   * @throws CONFIG_INVALID when no address was given; AGENT_UNREACHABLE when none is known now; what `resolve` throws.
   */
  resolve(query: AddressQuery): Promise<readonly [NodeAddress, ...NodeAddress[]]>;
}

/**
 * The address book of the options. Of several addresses a session gets that of its node; while its node is not known, all of
 * them, with another one in front after each failed attempt.
 */
export function createAddressBook(options: AddressOptions): AddressBook {
  const given = options.addresses ?? (options.address === undefined ? {} : { '': options.address });
  const { resolve } = options;
  return {
    mayMove: () => resolve !== undefined,
    resolve: async (query) => {
      if (resolve !== undefined) return named(await resolve(query), query.node);
      return fromGiven(given, query);
    },
  };
}

function named(found: string | readonly string[], node: string): [NodeAddress, ...NodeAddress[]] {
  const [first, ...others] = [found].flat().map((address) => ({ address, node }));
  if (first !== undefined) return [first, ...others];
  throw new PaneletError('AGENT_UNREACHABLE', 'No address of an agent is known now. Try again.');
}

function fromGiven(
  given: Readonly<Record<string, string>>,
  { node, attempt }: AddressQuery,
): [NodeAddress, ...NodeAddress[]] {
  const own = given[node];
  if (own !== undefined) return [{ address: own, node }];
  // An address without a name is asked for the session's node, should that be known by now.
  const all = Object.entries(given).map(([name, address]) => ({ address, node: name === '' ? node : name }));
  const turn = attempt % all.length;
  const [first, ...others] = [...all.slice(turn), ...all.slice(0, turn)];
  if (first !== undefined) return [first, ...others];
  throw new PaneletError('CONFIG_INVALID', 'No address of an agent is given. Give one, for example 127.0.0.1:7443.');
}
