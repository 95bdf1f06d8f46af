import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { createSystemRandom } from '#common/random.js';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { askPort, type PortAnswer } from '#test/support/ask-port.js';
import { waitFor } from '#test/support/wait-for.js';
import { openBoardDoor, type BoardDoor } from './board-door.js';
import { createDoorKeys, type DoorKeys } from './door-keys.js';

describe('the door', () => {
  let clock: FakeClock;
  let keys: DoorKeys;
  let door: BoardDoor;
  let acted: unknown[];
  let entered: { readonly path: string; readonly first: unknown; readonly more: unknown[] }[];
  const ends: (() => void)[] = [];

  beforeEach(async () => {
    clock = createFakeClock();
    keys = createDoorKeys({ clock, random: createSystemRandom() });
    acted = [];
    entered = [];
    door = await openBoardDoor({
      port: 0,
      files: new Map([
        ['/', { type: 'text/html; charset=utf-8', content: Buffer.from('<p>page</p>') }],
        ['/board.js', { type: 'text/javascript; charset=utf-8', content: Buffer.from('1') }],
      ]),
      keys,
      clock,
      act: (path, body) => {
        acted.push({ path, body });
        return Promise.resolve({ status: 200, body: { done: true } });
      },
      enter: (path, socket, first) => {
        const more: unknown[] = [];
        socket.on('message', (data) => more.push(JSON.parse((data as Buffer).toString())));
        entered.push({ path, first, more });
      },
    });
  });
  afterEach(async () => {
    for (const end of ends.splice(0)) end();
    await door.close();
  });

  const ask = (method: string, path: string, headers: Record<string, string> = {}, body = ''): Promise<PortAnswer> =>
    askPort(door.port, { method, path, headers, body });
  const post = (path: string, body: unknown, more: Record<string, string> = {}): Promise<PortAnswer> =>
    ask('POST', path, { origin: door.origin, 'content-type': 'application/json', ...more }, JSON.stringify(body));
  const freshKey = async (): Promise<string> =>
    (JSON.parse((await post('/key', { token: keys.issueToken() })).body) as { key: string }).key;
  /** Answers that are slowed come once the clock says so. */
  async function slowed(answer: Promise<PortAnswer>): Promise<PortAnswer> {
    let early: PortAnswer | undefined;
    void answer.then((come) => (early = come));
    await waitFor('a slowed answer', () => clock.pending() > 0);
    expect(early).toBeUndefined();
    clock.advance(1000);
    return answer;
  }
  function openSocket(path: string, headers: Record<string, string> = { origin: door.origin }): WebSocket {
    const socket = new WebSocket(`ws://127.0.0.1:${door.port}${path}`, { headers });
    ends.push(() => socket.terminate());
    return socket;
  }
  const closeOf = (socket: WebSocket): Promise<number> =>
    new Promise((resolve) => {
      socket.on('error', () => resolve(0));
      socket.on('close', (code) => resolve(code));
    });

  test('gives the page to anybody, with every header that keeps others away from it', async () => {
    const page = await ask('GET', '/');
    expect(page).toMatchObject({ status: 200, body: '<p>page</p>' });
    expect(page.headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    expect(page.headers['content-security-policy']).toBe(
      "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
    expect(page.headers['permissions-policy']).toContain('camera=()');
    expect(page.headers['set-cookie']).toBeUndefined();
    expect(page.headers['access-control-allow-origin']).toBeUndefined();
    expect(await ask('HEAD', '/board.js')).toMatchObject({ status: 200, body: '' });
  });

  test('has the same headers on what it refuses', async () => {
    for (const answer of [
      await ask('GET', '/none'),
      await ask('PUT', '/'),
      await post('/plan', {}, { origin: 'null' }),
    ]) {
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.headers['content-security-policy']).toContain("default-src 'none'");
      expect(answer.headers['cache-control']).toBe('no-store');
    }
  });

  test('trades a token once, and does nothing without its key', async () => {
    const token = keys.issueToken();
    const { status, body } = await post('/key', { token });
    expect(status).toBe(200);
    const { key } = JSON.parse(body) as { key: string };
    expect(await slowed(post('/key', { token }))).toMatchObject({ status: 401 });
    expect(await slowed(post('/restart', { target: 'x' }))).toMatchObject({ status: 401 });
    expect(await slowed(post('/restart', { target: 'x' }, { 'panelet-key': token }))).toMatchObject({ status: 401 });
    expect(await slowed(post('/restart', {}, { cookie: `panelet-key=${key}; key=${key}` }))).toMatchObject({
      status: 401,
    });
    expect(acted).toEqual([]);
    expect(await post('/restart', { target: 'x' }, { 'panelet-key': key })).toMatchObject({
      status: 200,
      body: '{"done":true}',
    });
    expect(acted).toEqual([{ path: '/restart', body: { target: 'x' } }]);
  });

  test('takes any JSON for a token, and is none the wiser', async () => {
    for (const body of [null, [], 'x', {}, { token: 1 }, { token: null }]) {
      expect(await slowed(post('/key', body))).toMatchObject({ status: 401 });
    }
  });

  test('lets somebody with a key in at once, however many wrong ones wait', async () => {
    const wrong = Array.from({ length: 100 }, () => post('/plan', {}, { 'panelet-key': 'wrong' }));
    const settled = Promise.allSettled(wrong);
    await waitFor('those who wait', () => clock.pending() >= 60);
    const key = await freshKey();
    expect(await post('/plan', {}, { 'panelet-key': key })).toMatchObject({ status: 200 });
    clock.advance(1000);
    await settled;
  });

  test('says no secret in what it refuses', async () => {
    const answer = await slowed(post('/plan', {}, { 'panelet-key': 'hunter2' }));
    expect(answer.body).not.toContain('hunter2');
  });

  test('reads bodies up to 16 KiB, of JSON', async () => {
    const key = { 'panelet-key': await freshKey() };
    expect(await post('/plan', 'x'.repeat(16 * 1024 - 2), key)).toMatchObject({ status: 200 });
    const large = await post('/plan', 'x'.repeat(16 * 1024), key).catch(() => undefined);
    expect(large?.status ?? 413).toBe(413);
    const json = { origin: door.origin, 'content-type': 'application/json', ...key };
    expect(await ask('POST', '/plan', json, '{')).toMatchObject({ status: 400 });
    expect(acted).toHaveLength(1);
  });

  test('opens a WebSocket to who shows a key first, and hands on what came in the same breath', async () => {
    const key = await freshKey();
    const socket = openSocket('/live');
    socket.on('open', () => {
      for (const message of [
        { kind: 'hello', key },
        { kind: 'show', nodes: [] },
      ])
        socket.send(JSON.stringify(message));
    });
    await waitFor('both messages', () => entered[0]?.more.length === 1);
    expect(entered).toMatchObject([{ path: '/live', first: { kind: 'hello' }, more: [{ kind: 'show' }] }]);
  });

  test.each(['null', 'http://localhost:1', 'https://evil.example'])('opens none for the Origin %s', async (origin) => {
    expect(await closeOf(openSocket('/live', { origin }))).toBe(0);
    expect(entered).toEqual([]);
  });

  test('opens none without an Origin, and none elsewhere', async () => {
    expect(await closeOf(openSocket('/live', {}))).toBe(0);
    expect(await closeOf(openSocket('/other'))).toBe(0);
  });

  test('closes a WebSocket with a wrong key, after a while; one without a key; and one that says nothing within 5 s', async () => {
    const wrong = openSocket('/live');
    const closed = closeOf(wrong);
    wrong.on('open', () => wrong.send(JSON.stringify({ kind: 'hello', key: 'wrong' })));
    // The wait for its first message has ended, that of its answer begun.
    await waitFor('its wait', () => clock.pending() === 1);
    await waitFor('its end', () => {
      clock.advance(250);
      return wrong.readyState >= WebSocket.CLOSING;
    });
    expect(await closed).toBe(1008);
    const empty = openSocket('/live');
    empty.on('open', () => empty.send(Buffer.from('binary')));
    expect(await closeOf(empty)).toBe(1008);
    const silent = openSocket('/session');
    const silenced = closeOf(silent);
    await waitFor('it is open', () => silent.readyState === WebSocket.OPEN && clock.pending() === 1);
    clock.advance(4999);
    expect(silent.readyState).toBe(WebSocket.OPEN);
    clock.advance(1);
    expect(await silenced).toBe(1013);
    expect(entered).toEqual([]);
  });

  test('has so many WebSockets at most, of those with a key', async () => {
    const key = await freshKey();
    const enter = (): WebSocket => {
      const socket = openSocket('/live');
      socket.on('open', () => socket.send(JSON.stringify({ kind: 'hello', key })));
      return socket;
    };
    const all = Array.from({ length: 64 }, enter);
    await waitFor('all are in', () => entered.length === 64);
    expect(await closeOf(enter())).toBe(1013);
    all[0]?.close();
    await waitFor('one has gone', () => all[0]?.readyState === WebSocket.CLOSED);
    enter();
    await waitFor('another is in', () => entered.length === 65);
  });

  test('a crowd that opens connections and says nothing keeps nobody out', async () => {
    // Upgraded, as no timeout of HTTP is about those, and the clock of the first message stands still here.
    const crowd = Array.from({ length: 100 }, () => openSocket('/live'));
    let gone = 0;
    for (const one of crowd) one.on('close', () => (gone += 1)).on('error', () => undefined);
    await waitFor('the first have made room', () => gone >= 36);
    expect(await ask('GET', '/')).toMatchObject({ status: 200 });
    expect(keys.isKey(await freshKey())).toBe(true);
    await waitFor('that all others are in', () => crowd.every(({ readyState }) => readyState !== WebSocket.CONNECTING));
    expect(crowd.filter(({ readyState }) => readyState === WebSocket.OPEN).length).toBeGreaterThan(50);
  });

  test('takes no message of more than a mebibyte', async () => {
    const key = await freshKey();
    const socket = openSocket('/session');
    socket.on('open', () => {
      socket.send(JSON.stringify({ kind: 'attach', key }));
      socket.send(Buffer.alloc(1024 * 1024 + 1));
    });
    expect(await closeOf(socket)).toBe(1009);
  });

  test('listens on the loopback only, and leaves nothing behind', async () => {
    const key = await freshKey();
    const socket = openSocket('/live');
    const closed = closeOf(socket);
    socket.on('open', () => socket.send(JSON.stringify({ kind: 'hello', key })));
    await waitFor('it is in', () => entered.length === 1);
    await door.close();
    expect(await closed).toBe(1001);
    await expect(ask('GET', '/')).rejects.toThrow('ECONNREFUSED');
  });
});
