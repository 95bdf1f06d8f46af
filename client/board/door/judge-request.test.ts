import { describe, expect, test } from '@jest/globals';
import { judgeRequest, type RequestFacts, type RequestVerdict } from './judge-request.js';

const door = { port: 4321, files: new Set(['/', '/board.js', '/board.css']) };
const host = '127.0.0.1:4321';
const origin = `http://${host}`;

type Headers = readonly (readonly [string, string])[];

function judge(method: string, url: string, headers: Headers, isUpgrade = false): RequestVerdict {
  const facts: RequestFacts = { method, url, rawHeaders: headers.flat(), isUpgrade };
  return judgeRequest(facts, door);
}

const status = (verdict: RequestVerdict): number => (verdict.kind === 'refuse' ? verdict.status : 200);
const without = (headers: Headers, name: string): Headers => headers.filter(([known]) => known !== name);
const replacing = (headers: Headers, name: string, value: string): Headers => [
  ...without(headers, name),
  [name, value],
];

const ofFile: Headers = [
  ['Host', host],
  ['Sec-Fetch-Site', 'same-origin'],
];
const ofPost: Headers = [
  ['Host', host],
  ['Origin', origin],
  ['Content-Type', 'application/json'],
  ['Sec-Fetch-Site', 'same-origin'],
  ['Panelet-Key', 'k'],
];
const ofSocket: Headers = [
  ['Host', host],
  ['Origin', origin],
  ['Connection', 'Upgrade'],
  ['Upgrade', 'websocket'],
];
/** A request of each kind that is let in. */
const kinds: readonly (readonly [string, (change: (headers: Headers) => Headers) => RequestVerdict])[] = [
  ['a file', (change) => judge('GET', '/board.js', change(ofFile))],
  ['the first page', (change) => judge('GET', '/', change(ofFile))],
  ['a POST', (change) => judge('POST', '/plan', change(ofPost))],
  ['the trade of a token', (change) => judge('POST', '/key', change(ofPost))],
  ['a WebSocket', (change) => judge('GET', '/live', change(ofSocket), true)],
];

describe.each(kinds)('%s', (_name, send) => {
  test('is let in as the page sends it', () => {
    expect(status(send((headers) => headers))).toBe(200);
  });

  test.each([
    'localhost:4321',
    '127.0.0.1',
    '127.0.0.1:4322',
    '127.0.0.1.:4321',
    '127.0.0.1:04321',
    '[::1]:4321',
    '[::ffff:127.0.0.1]:4321',
    '127.1:4321',
    '2130706433:4321',
    'board.example:4321',
    '127.0.0.1:4321@evil.example',
    '127.0.0.1:4321 ',
    '',
  ])('is refused for the Host "%s"', (value) => {
    expect(status(send((headers) => replacing(headers, 'Host', value)))).toBe(421);
  });

  test('is refused without a Host, and with two', () => {
    expect(status(send((headers) => without(headers, 'Host')))).toBe(421);
    expect(status(send((headers) => [...headers, ['host', host]]))).toBe(400);
  });

  test('is refused for a service worker', () => {
    expect(status(send((headers) => [...headers, ['Service-Worker', 'script']]))).toBe(403);
    expect(status(send((headers) => [...headers, ['Sec-Fetch-Dest', 'serviceworker']]))).toBe(403);
  });

  test.each([
    'null',
    'http://localhost:4321',
    'http://127.0.0.1',
    'http://127.0.0.1:4322',
    'https://127.0.0.1:4321',
    'http://127.0.0.1:4321/',
    'http://127.0.0.1:4321.evil.example',
    'HTTP://127.0.0.1:4321',
    '',
  ])('is refused for the Origin "%s"', (value) => {
    expect(status(send((headers) => replacing(headers, 'Origin', value)))).toBe(403);
  });

  test('is refused with two of what is there once', () => {
    for (const name of ['Origin', 'Sec-Fetch-Site', 'Content-Type', 'Panelet-Key', 'Content-Length']) {
      expect(status(send((headers) => [...without(headers, name), [name, 'a'], [name.toUpperCase(), 'a']]))).toBe(400);
    }
  });

  test.each(['cross-site', 'same-site', 'none', 'SAME-ORIGIN', ''])('is refused from the site "%s"', (value) => {
    expect(status(send((headers) => replacing(headers, 'Sec-Fetch-Site', value)))).toBe(403);
  });

  test('is what it is whatever cookies come along: other ports of this machine have set them', () => {
    expect(send((headers) => [...headers, ['Cookie', 'key=a; session=b']])).toEqual(send((headers) => headers));
  });
});

describe('a file', () => {
  test('is given to a browser that says nothing of sites', () => {
    expect(judge('GET', '/board.css', [['Host', host]])).toEqual({ kind: 'file', path: '/board.css' });
    expect(status(judge('HEAD', '/', [['Host', host]]))).toBe(200);
  });

  test('is given to a module script, which sends our Origin', () => {
    expect(status(judge('GET', '/board.js', [...ofFile, ['Origin', origin]]))).toBe(200);
  });

  const visit = (site: string, more: Headers = []): Headers => [
    ['Host', host],
    ['Sec-Fetch-Site', site],
    ['Sec-Fetch-Mode', 'navigate'],
    ['Sec-Fetch-Dest', 'document'],
    ...more,
  ];

  test('is given to a visitor only as the first page: by an address typed, or from a file of this machine', () => {
    expect(status(judge('GET', '/', visit('none')))).toBe(200);
    expect(status(judge('GET', '/', visit('cross-site')))).toBe(200);
    expect(status(judge('GET', '/', visit('same-site')))).toBe(403);
    expect(status(judge('GET', '/board.js', visit('none')))).toBe(403);
    expect(status(judge('GET', '/board.js', visit('cross-site')))).toBe(403);
  });

  test('is not given to a page that shows it within itself', () => {
    const frame = replacing(visit('cross-site'), 'Sec-Fetch-Dest', 'iframe');
    expect(status(judge('GET', '/', frame))).toBe(403);
    const image = replacing(visit('cross-site'), 'Sec-Fetch-Mode', 'no-cors');
    expect(status(judge('GET', '/', image))).toBe(403);
  });

  test.each([
    '//board.js',
    '/./board.js',
    '/../board.js',
    '/%62oard.js',
    '/board.js?x',
    '/board.js#x',
    '/board.js/',
    '/BOARD.js',
    '\\board.js',
    'board.js',
    `${origin}/board.js`,
    '*',
    '',
    '/favicon.ico',
    '/key',
    '/live',
  ])('is refused under the path "%s"', (url) => {
    expect(status(judge('GET', url, ofFile))).toBe(404);
  });
});

describe('a method', () => {
  test.each(['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'CONNECT', 'QUERY', 'post', 'get', ''])(
    'of the name "%s" is refused',
    (method) => {
      for (const url of ['/', '/key', '/restart']) expect(status(judge(method, url, ofPost))).toBe(405);
    },
  );
});

describe('a POST', () => {
  test.each([
    ['application/json', 200],
    ['application/json; charset=utf-8', 200],
    ['application/json;charset="UTF-8"', 200],
    ['Application/JSON', 200],
    ['text/plain', 415],
    ['text/plain; application/json', 415],
    ['application/json; charset=utf-16', 415],
    ['application/json, text/plain', 415],
    ['application/jsonp', 415],
    ['application/x-www-form-urlencoded', 415],
    ['multipart/form-data; boundary=x', 415],
    ['', 415],
  ])('of the type "%s" is answered %i', (type, expected) => {
    expect(status(judge('POST', '/restart', replacing(ofPost, 'Content-Type', type)))).toBe(expected);
  });

  test('is refused without a type, and without an Origin', () => {
    expect(status(judge('POST', '/restart', without(ofPost, 'Content-Type')))).toBe(415);
    expect(status(judge('POST', '/restart', without(ofPost, 'Origin')))).toBe(403);
  });

  test.each(['/', '/board.js', '/live', '/restart/', '/restart?x', '/Restart', '/%72estart', `${origin}/restart`])(
    'is refused under the path "%s"',
    (url) => {
      expect(status(judge('POST', url, ofPost))).toBe(404);
    },
  );
});

describe('a WebSocket', () => {
  test('is refused without an Origin: no browser leaves it out', () => {
    expect(status(judge('GET', '/live', without(ofSocket, 'Origin'), true))).toBe(403);
  });

  test('is refused elsewhere, by another method, and as another protocol', () => {
    for (const url of ['/', '/key', '/live/', '/live?key=x', '/session2']) {
      expect(status(judge('GET', url, ofSocket, true))).toBe(404);
    }
    expect(status(judge('POST', '/live', ofSocket, true))).toBe(404);
    expect(status(judge('GET', '/live', replacing(ofSocket, 'Upgrade', 'h2c'), true))).toBe(400);
  });
});
