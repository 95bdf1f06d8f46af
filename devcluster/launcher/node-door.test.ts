import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createSilentLog } from '#common/log.js';
import { createSystemClock } from '#common/time/clock.js';
import { waitFor } from '#test/support/wait-for.js';
import { createNodeDoor, type NodeDoor } from './node-door.js';

// Each of the tests' own, so that all may listen at one port.
const [node, first, second] = ['127.0.77.1', '127.0.77.2', '127.0.77.3'];

let port = 0;
let servers: Server[];
let target: string | undefined;
let isFree = true;
let door: NodeDoor;

/** A pod that says its name, then what it hears. */
async function startPod(host: string, name: string): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write(`${name}:`);
    socket.pipe(socket);
  });
  servers.push(server);
  server.listen({ host, port });
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
  return server;
}

interface Call {
  readonly socket: Socket;
  heard: string;
  isOver: boolean;
}

function call(): Call {
  const socket = connect({ host: node, port });
  const made: Call = { socket, heard: '', isOver: false };
  socket.on('data', (piece: Buffer) => (made.heard += piece.toString()));
  socket.on('error', () => undefined);
  socket.on('close', () => (made.isOver = true));
  return made;
}

const hears = (made: Call, text: string): Promise<void> => waitFor(`to hear ${text}`, () => made.heard === text);
const opens = (): Promise<void> =>
  waitFor('the door to be open', async () => {
    const probe = connect({ host: node, port });
    const isOpen = await Promise.race([
      once(probe, 'connect').then(() => true),
      once(probe, 'close').then(() => false),
    ]).catch(() => false);
    probe.destroy();
    return isOpen;
  });

beforeEach(async () => {
  [port, servers, isFree] = [0, [], true];
  await startPod(first, 'first');
  await startPod(second, 'second');
  target = first;
  door = createNodeDoor({
    ...{ host: node, port, clock: createSystemClock(), log: createSilentLog() },
    isFree: () => isFree,
    target: () => target,
  });
});

afterEach(() => {
  door.close();
  for (const server of servers) server.close();
});

describe('the door of a node', () => {
  test('leads to the pod of the moment, and leaves connections where they are', async () => {
    door.update();
    await opens();
    const old = call();
    old.socket.write('a');
    await hears(old, 'first:a');
    target = second;
    const young = call();
    await hears(young, 'second:');
    old.socket.end('b');
    await hears(old, 'first:ab');
    await waitFor('the end of the one that has ended', () => old.isOver);
    door.close();
    await waitFor('the end of the other', () => young.isOver);
  });

  test('is open only while the address is free and somebody is behind it', async () => {
    target = undefined;
    door.update();
    expect(door.isOpen()).toBe(false);
    target = first;
    door.update();
    await opens();
    const old = call();
    await hears(old, 'first:');
    isFree = false;
    door.update();
    // The pod that has the address from now on.
    await startPod(node, 'own');
    const young = call();
    await hears(young, 'own:');
    old.socket.write('still');
    await hears(old, 'first:still');
    old.socket.destroy();
    young.socket.destroy();
  });

  test('waits for a port that somebody still holds', async () => {
    const holder = await startPod(node, 'own');
    door.update();
    await waitFor('the attempt to fail', () => !door.isOpen());
    holder.close();
    await opens();
    const made = call();
    await hears(made, 'first:');
    made.socket.destroy();
  });

  test('opens no more once it is closed', async () => {
    door.update();
    door.close();
    door.update();
    expect(door.isOpen()).toBe(false);
    await startPod(node, 'own');
    const made = call();
    await hears(made, 'own:');
    made.socket.destroy();
  });
});
