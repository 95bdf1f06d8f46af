import { EventEmitter } from 'node:events';
import { beforeEach, expect, test } from '@jest/globals';
import type { WebSocket } from 'ws';
import { createFakeClock } from '#common/time/clock.js';
import { settle } from '#test/support/settle.js';
import type { ViewNews } from '../wire/session.js';
import { serveView, type ViewRoom } from './serve-view.js';

const mebibyte = 1024 * 1024;

/** A page's WebSocket, which a test writes to. */
class PageSocket extends EventEmitter {
  readonly said: ViewNews[] = [];
  closes = 0;

  send(data: string | Uint8Array): void {
    if (typeof data === 'string') this.said.push(JSON.parse(data) as ViewNews);
  }

  close(): void {
    this.closes += 1;
  }

  ask(request: object): void {
    this.emit('message', Buffer.from(JSON.stringify(request)), false);
  }

  type(bytes: Buffer): void {
    this.emit('message', bytes, true);
  }
}

let socket: PageSocket;
let written: Buffer[];
let taken: (() => void)[];
let terminated: number;
let opened: () => Promise<void>;

beforeEach(() => {
  [socket, written, taken, terminated] = [new PageSocket(), [], [], 0];
  const session = {
    write: (bytes: Buffer) => {
      written.push(bytes);
      return new Promise<void>((resolve) => taken.push(resolve));
    },
    resize: () => undefined,
    terminate: () => {
      terminated += 1;
      return Promise.resolve();
    },
  };
  const shared = { session, attach: () => ({ shown: () => undefined, leave: () => undefined }) };
  let open: (shared: unknown) => void = () => undefined;
  const start = (): Promise<unknown> => new Promise((resolve) => (open = resolve));
  opened = async () => {
    open(shared);
    await settle();
  };
  const room = { sessions: { start }, clock: createFakeClock() } as unknown as ViewRoom;
  const first = { kind: 'attach', key: 'key', session: 's-1', columns: 80, rows: 24 };
  serveView(socket as unknown as WebSocket, first, room);
});

test('input that was not sent has nothing sent behind it', async () => {
  await opened();
  for (let at = 0; at < 9; at++) socket.type(Buffer.alloc(mebibyte, at));
  expect(socket.said).toMatchObject([{ kind: 'failed', code: 'LIMIT_EXCEEDED' }]);
  // The session takes what waits: there would be room for more.
  for (let at = 0; at < 8; at++) {
    await settle();
    taken[at]?.();
  }
  socket.type(Buffer.from('rm -rf / # the end of a line of which the middle was left out'));
  socket.ask({ kind: 'finish' });
  await settle();
  expect(written.map((bytes) => bytes[0])).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect([socket.said.length, socket.closes]).toEqual([1, 1]);
});

test('a session that was to end ends, though its view has gone before it was open', async () => {
  socket.ask({ kind: 'terminate' });
  socket.emit('close');
  await opened();
  expect(terminated).toBe(1);
});
