import { expect, test } from '@jest/globals';
import type { HeldConnection } from './client-connection.js';
import { createPlaces } from './places.js';

interface FakeHeld {
  readonly name: string;
  says(bytes: number): void;
  readonly connection: HeldConnection;
}

function held(name: string, network = '10.0.0.1'): FakeHeld {
  const state = { bytes: 0 };
  const connection = {
    network,
    headerBytes: 0,
    streams: 0,
    unreadBytes: () => state.bytes,
    get spoken() {
      return state.bytes > 0;
    },
  };
  return {
    name,
    says: (bytes) => (state.bytes = bytes),
    // Of a connection, this is what places look at.
    connection: Object.assign(connection, { name }) as unknown as HeldConnection,
  };
}

/** Room for 64 connections, 8 of them strangers'; tells who has to go. */
function someRoom() {
  const gone: string[] = [];
  const places = createPlaces(64, (connection) => gone.push((connection as unknown as FakeHeld).name));
  const enter = (prefix: string, count: number, bytes = 0): void => {
    for (let index = 0; index < count; index++) {
      const peer = held(`${prefix}${index}`);
      places.enter(peer.connection);
      peer.says(bytes);
    }
  };
  return { gone, places, enter };
}

test('strangers who have spoken and stay keep no newcomer out', () => {
  const { gone, places, enter } = someRoom();
  enter('squatter', 8, 100);
  expect(gone).toEqual([]);
  const newcomer = held('newcomer');
  places.enter(newcomer.connection);
  expect(gone).toEqual(['squatter0']);
  newcomer.says(100);
  enter('next', 3, 100);
  expect(gone).toEqual(['squatter0', 'squatter1', 'squatter2', 'squatter3']);
});

test('a crowd of silent strangers pushes out nobody who is on the way in', () => {
  const { gone, places, enter } = someRoom();
  enter('silent', 5);
  const onTheWay = held('on the way');
  places.enter(onTheWay.connection);
  onTheWay.says(100);
  enter('more', 20);
  expect(gone).not.toContain('on the way');
  expect(gone.slice(0, 3)).toEqual(['silent0', 'silent1', 'silent2']);
  expect(places.strangers()).toContain(onTheWay.connection);
});

test('even where a stranger has one place alone, the newcomer has it', () => {
  const gone: string[] = [];
  const places = createPlaces(8, (connection) => gone.push((connection as unknown as FakeHeld).name));
  for (const name of ['first', 'second', 'third']) {
    const peer = held(name);
    places.enter(peer.connection);
    if (name === 'second') peer.says(100);
  }
  expect(gone).toEqual(['first', 'second']);
});
