import { Socket } from 'node:net';
import { expect, test } from '@jest/globals';
import { SocketConnection, type HeldConnection } from './client-connection.js';

const ignore = (): void => undefined;

function connectionOver(socket: Socket): HeldConnection {
  const events = { onAccept: ignore, onRefuse: ignore, onFlood: ignore, onEnd: ignore };
  return new SocketConnection({ id: 1, socket, grantedBytes: 65_535 }, events);
}

test('a connection knows its caller as long as it is one alone', () => {
  const connection = connectionOver(new Socket());
  expect(connection.onlyCaller()).toBeUndefined();
  connection.accept('alice');
  connection.accept('alice');
  expect(connection.onlyCaller()).toBe('alice');
  connection.accept('bob');
  expect(connection.onlyCaller()).toBeUndefined();
  connection.accept('bob');
  expect(connection.onlyCaller()).toBeUndefined();
  connection.end();
});
