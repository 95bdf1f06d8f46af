import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ModelConfig } from './config.js';
import { ModelWorld } from './world.js';

const config: ModelConfig = {
  inputs: 8,
  takeoverInputs: 4,
  cuts: 5,
  kills: 3,
  drains: 3,
  thaws: 3,
  intruders: 2,
  moves: 6,
  repeats: 3,
};

function step(world: ModelWorld, choice: number): void {
  const actions = world.actions();
  const action = actions[choice % Math.max(1, actions.length)];
  if (action === undefined) return;
  world.run(action);
  world.check();
}

/** Lets everything friendly happen, in turns, until nothing is left. */
function settle(world: ModelWorld): void {
  for (let turn = 0; turn < 3000; turn += 1) {
    const friendly = world.actions().filter((action) => !action.isAdverse);
    const action = friendly[turn % Math.max(1, friendly.length)];
    if (action === undefined) return;
    world.run(action);
    world.check();
  }
  throw new Error('The world does not come to rest.');
}

describe('a world of clients, a worker and a disk', () => {
  test.each([
    ['planned restarts and cuts', { ...config, kills: 0 }],
    ['crashes as well', config],
    ['one client and no crash', { inputs: 8, cuts: 6, drains: 4, thaws: 3, moves: 6, repeats: 3 }],
  ])('keeps every rule over long random stories, with %s', (_, story) => {
    fc.assert(
      fc.property(fc.array(fc.nat(1000), { minLength: 10, maxLength: 120 }), (choices) => {
        const world = new ModelWorld(story);
        for (const choice of choices) step(world, choice);
        settle(world);
        world.check();
        world.checkEnd();
      }),
      { numRuns: 100 },
    );
    expect(new ModelWorld(story).actions().length).toBeGreaterThan(0);
  });
});
