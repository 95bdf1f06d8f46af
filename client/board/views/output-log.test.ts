import { expect, test } from '@jest/globals';
import { OutputLog, windowBytes, type LogPlace } from './output-log.js';

const bytes = (text: string): Uint8Array => Buffer.from(text);

/** Everything from a place on. */
function rest(log: OutputLog, place: LogPlace, atOnce = Infinity): string {
  let text = '';
  for (let piece = log.read(place, atOnce); piece !== undefined; piece = log.read(piece.next, atOnce)) {
    text += 'bytes' in piece ? Buffer.from(piece.bytes).toString() : `<${piece.news.kind}>`;
  }
  return text;
}

test('gives bytes and what is said between them in order, in pieces of any size', () => {
  const log = new OutputLog();
  log.append(bytes('abc'));
  log.say({ kind: 'lost', text: '' });
  log.append(bytes('defg'));
  const place = log.beginning(0);
  for (const atOnce of [1, 2, 3, 100]) expect(rest(log, place, atOnce)).toBe('abc<lost>defg');
  expect(log.read(place, 0)).toBeUndefined();
});

test('a new view begins at most a window and an entry before the end, and skips nothing that nobody has seen', () => {
  const log = new OutputLog();
  for (let at = 0; at < 100; at++) log.append(Buffer.alloc(10_000, at));
  const { offset } = log.beginning(log.end);
  expect(log.end - offset).toBeGreaterThanOrEqual(windowBytes);
  expect(log.end - offset).toBeLessThan(windowBytes + 10_000);
  expect(log.beginning(123_456).offset).toBe(120_000);
});

test('a new view begins with the last state that stands for everything before it', () => {
  const log = new OutputLog();
  log.append(bytes('old'));
  log.appendState(bytes('screen'));
  log.append(bytes('new'));
  expect(rest(log, log.beginning(log.end))).toBe('screennew');
});

test('what is dropped is behind every place, and the places stay good', () => {
  const log = new OutputLog();
  for (let at = 0; at < 100; at++) log.append(Buffer.alloc(10_000, 97 + (at % 26)));
  const whole = rest(log, log.beginning(0));
  const slow = log.beginning(300_000);
  log.trim([slow], log.end);
  expect(log.keptBytes).toBe(700_000);
  expect(rest(log, slow)).toBe(whole.slice(300_000));
  log.trim([], log.end);
  expect(log.keptBytes).toBeLessThan(windowBytes + 10_000);
  expect(rest(log, log.beginning(log.end))).toBe(whole.slice(-log.keptBytes));
});

test('output that comes byte by byte is kept in few pieces, of which a view that is at the end misses none', () => {
  const log = new OutputLog();
  let place = log.beginning(0);
  let seen = '';
  let expected = '';
  const follow = (): void => {
    for (let piece = log.read(place, 3); piece !== undefined; piece = log.read(place, 3)) {
      place = piece.next;
      seen += 'bytes' in piece ? Buffer.from(piece.bytes).toString() : `<${piece.news.kind}>`;
    }
  };
  for (let at = 0; at < 10_000; at++) {
    const letter = String.fromCharCode(97 + (at % 26));
    log.append(bytes(letter));
    expected += letter;
    if (at % 1_000 === 0) {
      log.say({ kind: 'lost', text: '' });
      expected += '<lost>';
    }
    if (at % 7 === 0) follow();
  }
  follow();
  expect(seen).toBe(expected);
  let pieces = 0;
  for (let at = log.beginning(0), piece = log.read(at, Infinity); piece !== undefined; piece = log.read(at, Infinity)) {
    at = piece.next;
    pieces++;
  }
  expect(pieces).toBeLessThan(40);
});

test('what comes after a state of no bytes is not of what was before it', () => {
  const log = new OutputLog();
  log.append(bytes('old'));
  log.appendState(bytes(''));
  log.append(bytes('new'));
  expect(rest(log, log.beginning(log.end))).toBe('new');
});
