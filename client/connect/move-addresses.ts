import { isIP } from 'node:net';
import { nodeServerName } from '#common/node-server-name.js';
import type { AddressBook, NodeAddress } from './address-book.js';
import { isThisMachine, serverNameOf, type TlsOption } from './endpoint-address.js';

/** Where the current attachment leads. */
export interface CurrentAgent {
  readonly address: string;
  /** Node of the Welcome. */
  readonly node: string;
}

/** How a client reaches agents, as far as it matters to a hint. */
export interface HintRules {
  readonly tls: TlsOption;
  /** True when addresses come from a resolver: that one is asked again instead. */
  readonly resolves: boolean;
}

/**
 * True when a worker's word on where to go on may be followed. A worker may be anybody's program, so what it names has to be
 * of the same kind as the address that leads to the current agent, and has to prove with its certificate that it is an agent of the node.
 */
export function mayFollowHint(hint: string, current: CurrentAgent, { tls, resolves }: HintRules): boolean {
  const { address, node } = current;
  if (resolves || node === '' || typeof tls !== 'object' || tls.ca === undefined) return false;
  return serverNameOf(tls, node) === nodeServerName(node) && isSameKind(hint, address);
}

/**
 * The addresses for the next attachment: what the worker named, if that may be followed, then those of the book, where
 * the one of the current agent comes last.
 */
export function createMoveBook(book: AddressBook, current: string, hinted: NodeAddress | undefined): AddressBook {
  return {
    mayMove: (query) => book.mayMove(query),
    resolve: async (query) => {
      const found = await book.resolve(query);
      const [first, ...rest] = [
        ...(hinted === undefined ? [] : [hinted]),
        ...found.filter(({ address }) => address !== current),
        ...found.filter(({ address }) => address === current),
      ];
      return first === undefined ? found : [first, ...rest];
    },
  };
}

/** True for two addresses of pods, or of nodes: numbers of one family, of this machine or not, with one port. */
function isSameKind(hint: string, current: string): boolean {
  const [one, other] = [partsOf(hint), partsOf(current)];
  if (one === undefined || other === undefined) return false;
  return one.family === other.family && one.port === other.port && isThisMachine(hint) === isThisMachine(current);
}

function partsOf(address: string): { readonly family: number; readonly port: number } | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(address);
  const family = isIP(match?.[1] ?? match?.[2] ?? '');
  const port = Number(match?.[3]);
  return family === 0 || port < 1 || port > 65_535 ? undefined : { family, port };
}
