import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { xmlFault } from '#test/support/well-formed.js';
import { laneBars } from './lane-bars.js';
import { drawTimeline, type Timeline } from './timeline-picture.js';

const timeline = (over: Partial<Timeline> = {}): Timeline => ({
  ...{ description: 'a test', heading: 'A restart', endMs: 10_000, legend: [{ colour: '#ffffff', text: 'serves' }] },
  lanes: [
    { title: 'agent', bars: [{ fromMs: 0, toMs: 5000, label: 'Ready', colour: '#00ff00' }], ticksMs: [1, 2, 9000] },
  ],
  ...over,
});

describe('the bars of a lane', () => {
  test('last until the next state; the same state twice is one bar', () => {
    const changes = [
      { atMs: 0, state: 'attached' },
      { atMs: 1000, state: 'waiting' },
      { atMs: 2500, state: 'waiting' },
      { atMs: 4000, state: 'attached' },
      { atMs: 6000, state: undefined },
    ];
    expect(laneBars(changes, 9000).map(({ fromMs, label, toMs }) => [fromMs, toMs, label])).toEqual([
      [0, 1000, 'attached'],
      [1000, 4000, 'waiting 3.0 s'],
      [4000, 6000, 'attached'],
    ]);
  });
});

describe('the timeline', () => {
  test('has a bar with its label, ticks that fall together once, and an axis from its zero', () => {
    const svg = drawTimeline(timeline({ zeroMs: 1000 }));
    expect(xmlFault(svg)).toBeUndefined();
    expect(svg).toContain('>Ready</text>');
    expect(svg).toContain('d="M150 68v4M721 68v4"');
    expect(svg).toContain('>9 s</text>');
    expect(svg).not.toContain('>10 s</text>');
  });

  test('leaves out a label that has no room, and what is over before the picture begins', () => {
    const bars = [
      { fromMs: 0, toMs: 100, label: 'Draining', colour: '#00ff00' },
      { fromMs: -500, toMs: -100, label: '', colour: '#123456' },
    ];
    const svg = drawTimeline(timeline({ lanes: [{ title: 'agent', bars }] }));
    expect(svg).not.toContain('Draining');
    expect(svg).not.toContain('#123456');
  });

  test('is well-formed, whatever the lanes are called and whenever things happen', () => {
    const words = fc.string({ unit: 'binary', maxLength: 30 });
    const ms = fc.integer({ min: -20_000, max: 20_000 });
    const bar = fc.record({ fromMs: ms, toMs: ms, label: words, colour: fc.constant('#00ff00') });
    const lane = fc.record({ title: words, bars: fc.array(bar), ticksMs: fc.array(ms) });
    fc.assert(
      fc.property(fc.array(lane, { maxLength: 4 }), words, (lanes, heading) => {
        expect(xmlFault(drawTimeline(timeline({ lanes, heading, description: heading })))).toBeUndefined();
      }),
      { numRuns: 50 },
    );
  });
});
