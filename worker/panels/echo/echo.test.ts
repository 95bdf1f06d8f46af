import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createFakeClock } from '#common/time/clock.js';
import { isPaneletError } from '#common/errors/errors.js';
import { Channel } from '#proto/session/v1/session.js';
import type { InputItem } from '#session/endpoint/endpoint.js';
import { createFakePanelContext } from '#test/support/panel-context.js';
import { createEchoPanel } from './echo.js';
import { panelEvent } from '../../panel/panel-event.js';
import { fillSeededBytes } from './seeded-bytes.js';

const panel = createEchoPanel();
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const data = (bytes: Uint8Array | string): InputItem => ({
  kind: 'data',
  seq: 1,
  channel: Channel.STDIN,
  payload: Buffer.from(bytes as string),
});
const event = (name: string, content: unknown = {}): InputItem => ({
  kind: 'event',
  seq: 1,
  event: panelEvent(name, content),
});
const isSettled = async (promise: Promise<void>): Promise<boolean> =>
  Promise.race([promise.then(() => true), new Promise<boolean>((resolve) => setImmediate(() => resolve(false)))]);

describe('echo', () => {
  test('returns its input and answers digest with count and SHA-256, whatever the cuts and restores', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.boolean()), { maxLength: 12 }),
        async (steps) => {
          const context = createFakePanelContext();
          let session = await panel.open(context);
          for (const [bytes, restore] of steps) {
            await session.input(data(bytes));
            if (!restore) continue;
            await session.freeze();
            session = await panel.restore!(context, session.checkpoint!());
          }
          await session.input(event('digest'));
          const all = Buffer.concat(steps.map(([bytes]) => bytes));
          expect(context.output.bytes).toEqual(all);
          expect(context.output.events).toEqual([
            { name: 'digest', content: { bytes: all.length, sha256: sha256(all) } },
          ]);
        },
      ),
    );
  });

  test('holds back its client while the output is full, and a freeze takes what waits', async () => {
    const context = createFakePanelContext();
    const session = await panel.open(context);
    context.output.setWritable(false);
    const first = session.input(data('one')) as Promise<void>;
    expect(await isSettled(first)).toBe(false);
    context.output.setWritable(true);
    await first;
    context.output.setWritable(false);
    const second = session.input(data('two')) as Promise<void>;
    await session.freeze();
    await second;
    expect(context.output.text).toBe('onetwo');
  });

  test('a sink returns nothing but hashes all', async () => {
    const context = createFakePanelContext({ parameters: { mode: 'sink' } });
    const session = await panel.open(context);
    await session.input(data('abc'));
    await session.input(event('digest'));
    expect(context.output.text).toBe('');
    expect(context.output.events).toEqual([
      { name: 'digest', content: { bytes: 3, sha256: sha256(Buffer.from('abc')) } },
    ]);
  });

  test('a source makes its seeded bytes, stops where the output is full, and ends with a digest', async () => {
    const total = 1_000_003;
    const context = createFakePanelContext({ parameters: { mode: 'source', totalBytes: String(total), seed: '7' } });
    context.output.closeAfter(100_000);
    let session = await panel.open(context);
    await context.output.until((output) => !output.canWrite());
    await session.freeze();
    expect(context.output.bytes.length).toBeLessThan(100_000 + 16 * 1024);
    session = await panel.restore!(context, session.checkpoint!());
    context.output.setWritable(true);
    await context.output.until((output) => output.ended);
    const expected = Buffer.alloc(total);
    fillSeededBytes(expected, 7, 0);
    expect(context.output.bytes.equals(expected)).toBe(true);
    expect(context.output.events).toEqual([{ name: 'digest', content: { bytes: total, sha256: sha256(expected) } }]);
    expect(session.details()).toEqual({ mode: 'source', bytes: String(total) });
  });

  test('a source that thaws goes on where it was', async () => {
    const context = createFakePanelContext({ parameters: { mode: 'source', totalBytes: '500000' } });
    context.output.closeAfter(1);
    const session = await panel.open(context);
    await context.output.until((output) => !output.canWrite());
    await session.freeze();
    const frozen = context.output.bytes.length;
    context.output.setWritable(true);
    expect(context.output.bytes.length).toBe(frozen);
    session.thaw();
    await context.output.until((output) => output.ended);
    expect(context.output.bytes.length).toBe(500_000);
  });

  test('ends its output after the fin of its client', async () => {
    const context = createFakePanelContext();
    const session = await panel.open(context);
    await session.input(data('x'));
    await session.input({ kind: 'fin', seq: 2 });
    expect(context.output.items.map((item) => item.kind)).toEqual(['data', 'end']);
  });

  test('pauses after each input when told to, and a freeze cuts the pause short', async () => {
    const clock = createFakeClock();
    const context = createFakePanelContext({ clock, parameters: { pauseMs: '100' } });
    const session = await panel.open(context);
    const first = session.input(data('a')) as Promise<void>;
    expect(await isSettled(first)).toBe(false);
    clock.advance(100);
    await first;
    const second = session.input(data('b')) as Promise<void>;
    await session.freeze();
    await second;
    expect(clock.pending()).toBe(0);
  });

  test('keeps a named hold when asked to, for which a freeze waits', async () => {
    const clock = createFakeClock();
    const context = createFakePanelContext({ clock });
    const session = await panel.open(context);
    await session.input(event('hold', { ms: 5000 }));
    const frozen = session.freeze();
    expect(context.gate.holders.map((hold) => hold.operation)).toEqual(['echo.hold']);
    expect(await isSettled(frozen)).toBe(false);
    clock.advance(5000);
    await frozen;
    expect(context.gate.tryClose()).toEqual({ kind: 'closed' });
  });

  test('leaves no hold and no timer after close', async () => {
    const clock = createFakeClock();
    const context = createFakePanelContext({ clock, parameters: { pauseMs: '100' } });
    const session = await panel.open(context);
    await session.input(event('hold', { ms: 5000 }));
    const paused = session.input(data('a'));
    await session.close();
    await session.close();
    await paused;
    expect(context.gate.holders).toEqual([]);
    expect(clock.pending()).toBe(0);
  });

  test.each([
    [{ mode: 'loud' }, /"mode"/],
    [{ totalBytes: '-1' }, /"totalBytes": must be a whole number/],
    [{ sped: '1' }, /sped/],
  ])('refuses the parameters %j with a reason', async (parameters, reason) => {
    const context = createFakePanelContext({ parameters: parameters as unknown as Record<string, string> });
    const error: unknown = await panel.open(context).catch((caught: unknown) => caught);
    expect(isPaneletError(error, 'PANEL_FAILED')).toBe(true);
    expect((error as Error).message).toMatch(reason);
  });

  test('refuses a state that is not one', async () => {
    const error: unknown = await panel.restore!(createFakePanelContext(), Buffer.from('{}')).catch(
      (caught: unknown) => caught,
    );
    expect(isPaneletError(error, 'CHECKPOINT_UNREADABLE')).toBe(true);
  });

  test('makes the same seeded bytes in any pieces', () => {
    const whole = Buffer.alloc(1000);
    fillSeededBytes(whole, 3, 0);
    fc.assert(
      fc.property(fc.nat(999), fc.nat(999), (from, size) => {
        const piece = Buffer.alloc(Math.min(size, 1000 - from));
        fillSeededBytes(piece, 3, from);
        expect(piece.equals(whole.subarray(from, from + piece.length))).toBe(true);
      }),
    );
  });
});
