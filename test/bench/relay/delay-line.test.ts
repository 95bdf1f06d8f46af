import { describe, expect, it } from '@jest/globals';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { createDelayLine, type DelayLine } from './delay-line.js';

function startLine(): { clock: FakeClock; line: DelayLine; out: string[] } {
  const clock = createFakeClock();
  const out: string[] = [];
  const line = createDelayLine({
    clock,
    delayMs: 10,
    deliver: (chunk) => out.push(chunk.toString()),
    deliverEnd: () => out.push('end'),
  });
  return { clock, line, out };
}

describe('a delay line', () => {
  it('lets nothing out before its time, and what comes later comes out as much later', () => {
    const { clock, line, out } = startLine();
    line.push(Buffer.from('a'));
    clock.advance(4);
    line.push(Buffer.from('b'));
    clock.advance(5);
    expect(out).toEqual([]);
    clock.advance(1);
    expect(out).toEqual(['a']);
    clock.advance(3);
    expect(out).toEqual(['a']);
    clock.advance(1);
    expect(out).toEqual(['a', 'b']);
  });

  it('delays the end as well, behind everything', () => {
    const { clock, line, out } = startLine();
    line.push(Buffer.from('a'));
    line.end();
    expect(out).toEqual([]);
    clock.advance(10);
    expect(out).toEqual(['a', 'end']);
  });

  it('counts what is on its way, without a limit, and drops it when destroyed', () => {
    const { clock, line, out } = startLine();
    for (let index = 0; index < 1000; index++) line.push(Buffer.alloc(1000));
    expect(line.sizeBytes).toBe(1_000_000);
    line.destroy();
    expect(line.sizeBytes).toBe(0);
    clock.advance(100);
    expect(out).toEqual([]);
    expect(clock.pending()).toBe(0);
  });
});
