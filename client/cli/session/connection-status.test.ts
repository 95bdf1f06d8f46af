import { describe, expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import type { PaneletSession } from '../../session/panelet-session.js';
import { createSessionEmitter } from '../../session/session-events.js';
import { createPlainStatusLine, reconnectingTexts, showConnection, silentText } from './connection-status.js';
import { silentAddressText } from '../access/silent-address.js';

const setup = (whenUnreachable?: string, wayOut?: string) => {
  const clock = createFakeClock();
  const emitter = createSessionEmitter((error) => {
    throw error;
  });
  const lines: string[] = [];
  const line = { show: (text: string) => void lines.push(text), clear: () => void lines.push('(clear)') };
  const session = { on: emitter.on.bind(emitter) } as unknown as PaneletSession;
  return {
    clock,
    emitter,
    lines,
    stop: showConnection(session, { line, clock, whenUnreachable, ...(wayOut && { wayOut }) }),
  };
};
const away = { attempt: 1, delayMs: 0, planned: true, error: undefined };
const back = { gapMs: 1, attempts: 1, exact: true, incarnation: 1 };

describe('the connection status', () => {
  test('does not flicker over a short gap', () => {
    const { clock, emitter, lines } = setup();
    emitter.emit('reattaching', away);
    clock.advance(149);
    emitter.emit('resumed', back);
    clock.advance(10_000);
    expect(lines).toEqual(['(clear)']);
  });

  test('says that it reconnects, and for how long, whatever the number of attempts', () => {
    const { clock, emitter, lines, stop } = setup();
    emitter.emit('reattaching', away);
    clock.advance(200);
    emitter.emit('reattaching', { ...away, attempt: 2 });
    clock.advance(5500);
    expect([...new Set(lines)]).toEqual([reconnectingTexts.planned, `${reconnectingTexts.planned} (5 s)`]);
    stop();
    expect(clock.pending()).toBe(0);
  });

  test('says how to leave, once somebody has waited for long', () => {
    const { clock, emitter, lines } = setup(undefined, 'ctrl-] d detaches');
    emitter.emit('reattaching', away);
    clock.advance(10_500);
    expect(lines.at(-1)).toBe(`${reconnectingTexts.planned} (10 s); ctrl-] d detaches`);
    expect(lines.filter((line) => line.includes('(5 s)')).every((line) => line.endsWith('(5 s)'))).toBe(true);
  });

  test('says that a local address does not answer, and what its port-forward does', () => {
    const unreachable = new PaneletError('AGENT_UNREACHABLE', 'Nothing listens there.');
    const said = '127.0.0.1:7443 does not answer; a port-forward ends with its pod: use --node';
    const { clock, emitter, lines } = setup(silentAddressText('127.0.0.1:7443'));
    emitter.emit('reattaching', away);
    clock.advance(4000);
    emitter.emit('reattaching', { ...away, error: unreachable });
    clock.advance(4000);
    emitter.emit('reattaching', { ...away, error: new PaneletError('WORKER_UNAVAILABLE', 'It starts.') });
    clock.advance(1000);
    expect(lines.filter((line, index) => line !== lines[index - 1])).toEqual([
      reconnectingTexts.planned,
      said,
      `${reconnectingTexts.planned} (5 s)`,
    ]);
    expect(said.length).toBeLessThanOrEqual(78);
  });

  test.each(['10.244.1.7:7443', '127.1.2.10:7443', 'panelet.panelet-system:7443', undefined])(
    'knows no port-forward at %s',
    (address) => {
      expect(silentAddressText(address)).toBeUndefined();
    },
  );

  test('says at once that nobody answers, that it came back, and why it reconnects', () => {
    const { clock, emitter, lines } = setup();
    emitter.emit('silent', { isSilent: true });
    emitter.emit('silent', { isSilent: false });
    emitter.emit('silent', { isSilent: true });
    emitter.emit('reattaching', { ...away, planned: false });
    clock.advance(5_500);
    emitter.emit('resumed', back);
    emitter.emit('reattaching', { ...away, planned: false });
    clock.advance(200);
    const { silent, lost } = reconnectingTexts;
    const seen = [silentText, '(clear)', silentText, silent, `${silent} (5 s)`, '(clear)', lost];
    expect(lines.filter((line, index) => line !== lines[index - 1])).toEqual(seen);
  });

  test('counts down only when the session is going to end', () => {
    const { clock, emitter, lines } = setup();
    const notice = { phase: 'notice', reason: 'upgrade', remainingMs: 2000 } as const;
    emitter.emit('notice', { ...notice, fate: 'kept' });
    expect(lines).toEqual([]);
    emitter.emit('notice', { ...notice, fate: 'ends' });
    clock.advance(1000);
    emitter.emit('notice', { ...notice, phase: 'cancelled', fate: 'kept' });
    clock.advance(5000);
    expect(lines).toEqual(['this session ends in 2 s: upgrade', 'this session ends in 1 s: upgrade', '(clear)']);
  });

  test('says of an end that is days away as people do, now and then, and takes it off what it covers', () => {
    const { clock, emitter, lines, stop } = setup();
    const remainingMs = 7 * 86_400_000;
    emitter.emit('notice', { phase: 'notice', reason: 'a newer host', remainingMs, fate: 'ends' });
    clock.advance(remainingMs - 60_000);
    const said = ['7d', '1d', '1h', '10m'].flatMap((left) => [`this session ends in ${left}: a newer host`, '(clear)']);
    expect(lines).toEqual([...said, 'this session ends in 60 s: a newer host']);
    clock.advance(60_000);
    expect(lines.slice(said.length)).toHaveLength(61);
    expect(lines.at(-1)).toBe('this session ends in 0 s: a newer host');
    stop();
    expect(clock.pending()).toBe(0);
  });
});

describe('a plain status line', () => {
  test('writes each kind of text once until it is cleared', () => {
    let written = '';
    const line = createPlainStatusLine({ write: (text) => (written += text) });
    line.show(reconnectingTexts.planned);
    line.show(`${reconnectingTexts.planned} (5 s)`);
    line.show(`${reconnectingTexts.planned} (10 s)`);
    line.clear();
    line.show(reconnectingTexts.planned);
    expect(written).toBe(`panelet: ${reconnectingTexts.planned}\n`.repeat(2));
  });
});
