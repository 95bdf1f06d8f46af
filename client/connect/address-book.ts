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

/** An address book that is told where sessions were welcomed. */
export interface LearningBook extends AddressBook {
  /**
   * The agent of a node has welcomed a session at this address. One that was not given, because a worker has named it, is that node's
   * from now on: the one that was given may be that of a pod that has gone. It is, until a given one is reached again, or another one.
   */
  reached(place: NodeAddress): void;
}

/**
 * The address book of the options. Of several addresses a session gets that of its node; while its node is not known, all of
 * them, with another one in front after each failed attempt.
 */
export function createAddressBook(options: AddressOptions): LearningBook {
  const given = options.addresses ?? (options.address === undefined ? {} : { '': options.address });
  const learned = new Map<string, string>();
  const { resolve } = options;
  return {
    mayMove: () => resolve !== undefined,
    resolve: async (query) => {
      if (resolve !== undefined) return named(await resolve(query), query.node);
      return withLearned(learned, fromGiven(given, query), query.node);
    },
    reached: ({ address, node }) => {
      // A resolver knows by itself.
      if (node === '' || resolve !== undefined) return;
      if (Object.values(given).includes(address)) learned.delete(node);
      else learned.set(node, address);
    },
  };
}

/** What was learned of the session's node goes first; for one whose node is not known, after what was given. */
function withLearned(
  learned: ReadonlyMap<string, string>,
  given: [NodeAddress, ...NodeAddress[]],
  node: string,
): [NodeAddress, ...NodeAddress[]] {
  const places = [...learned].map(([home, address]) => ({ address, node: home }));
  if (node === '') return [...given, ...places];
  const [own] = places.filter((place) => place.node === node);
  return own === undefined ? given : [own, ...given];
}

function named(found: string | readonly string[], node: string): [NodeAddress, ...NodeAddress[]] {
  const [first, ...others] = [found].flat().map((address) => ({ address, node }));
  if (first !== undefined) return [first, ...others];
  throw new PaneletError('AGENT_UNREACHABLE', 'No address of an agent is known now.', { advice: 'Try again.' });
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
  const advice = 'Give one, for example 127.0.0.1:7443.';
  throw new PaneletError('CONFIG_INVALID', 'No address of an agent is given.', { advice });
}
