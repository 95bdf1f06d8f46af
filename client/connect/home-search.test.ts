import { describe, expect, test } from '@jest/globals';
import { createSeededRandom } from '#common/random.js';
import { createHomeSearch } from './home-search.js';

describe('a search for the agent of a session', () => {
  test('takes the word of the home, and of no other', () => {
    const search = createHomeSearch();
    for (let answer = 0; answer < 1000; answer++) expect(search.isFinal('node-a', 'node-b')).toBe(false);
    expect(search.isFinal('node-b', 'node-b')).toBe(true);
  });

  test('takes the word of an agent that does not say who it is', () => {
    expect(createHomeSearch().isFinal(undefined, 'node-b')).toBe(true);
  });

  test('ends soon where there is one agent', () => {
    const search = createHomeSearch();
    let answers = 1;
    while (!search.isFinal('node-a', '')) answers++;
    expect(answers).toBe(11);
  });

  test.each([2, 3, 10])('asks all of %d agents that come up at random before it ends', (agents) => {
    const random = createSeededRandom(agents);
    for (let run = 0; run < 50; run++) {
      const search = createHomeSearch();
      const asked = new Set<number>();
      for (;;) {
        const agent = Math.floor(random.number() * agents);
        asked.add(agent);
        if (search.isFinal(`node-${agent}`, '')) break;
      }
      expect(asked.size).toBe(agents);
    }
  });
});
