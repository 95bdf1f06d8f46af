import type { RawData, WebSocket } from 'ws';
import type { Clock } from '#common/time/clock.js';
import { readJsonFrame } from '../door/await-hello.js';
import { keepAlive } from '../door/keep-alive.js';
import { mostFollowed } from '../wire/limits.js';
import type { PageMessage } from '../wire/live.js';
import { objectName } from '../wire/names.js';
import type { BoardState } from './board-state.js';
import { startPageFeed } from './page-feed.js';
import type { ShownNodes } from './shown-nodes.js';

/** What pages are told from. */
export interface LiveRoom {
  readonly state: BoardState;
  readonly shown: ShownNodes;
  readonly clock: Clock;
}

const invalidMessage = 1007;

type ShowMessage = Extract<PageMessage, { readonly kind: 'show' }>;

/** The nodes of a `show`, the first 8; undefined for what is none. */
export function readShow(message: unknown): readonly string[] | undefined {
  const { kind, nodes } = (message ?? {}) as Partial<Record<keyof ShowMessage, unknown>>;
  if (kind !== 'show' || !Array.isArray(nodes)) return undefined;
  const named = nodes.filter((node): node is string => typeof node === 'string' && objectName.test(node));
  return [...new Set(named)].slice(0, mostFollowed);
}

/** Tells a page everything and then what changes, until its WebSocket is closed. */
export function serveLive(socket: WebSocket, { state, shown, clock }: LiveRoom): void {
  const feed = startPageFeed(
    state,
    {
      send: (message) => socket.send(JSON.stringify(message)),
      get backlogBytes() {
        return socket.bufferedAmount;
      },
    },
    clock,
  );
  const stopPings = keepAlive(socket, clock);
  socket.on('message', (data: RawData, isBinary: boolean) => {
    const nodes = readShow(readJsonFrame(data, isBinary));
    if (nodes === undefined) {
      socket.close(invalidMessage, 'The board does not know this message.');
      return;
    }
    feed.show(nodes);
    shown.show(socket, nodes);
  });
  socket.on('close', () => {
    stopPings();
    feed.stop();
    shown.show(socket, []);
  });
}
