import { describe, expect, test } from '@jest/globals';
import { explore } from './explore.js';
describe('try', () => {
  test.each([
    [{ inputs: 1, takeoverInputs: 1, kills: 1 }],
    [{ inputs: 1, durable: true, kills: 1 }],
    [{ inputs: 2, durable: true, kills: 2 }],
    [{ inputs: 1, durable: true, kills: 1, cuts: 1 }],
    [{ inputs: 1, durable: true, kills: 1, mistakes: { eagerOutput: true } }],
    [{ inputs: 1, cuts: 1, mistakes: { noDedupe: true } }],
    [{ inputs: 2, takeoverInputs: 1 }],
    [{ inputs: 2, drains: 1, cuts: 1 }],
    [{ inputs: 2, kills: 1, cuts: 1 }],
    [{ inputs: 1, drains: 1, kills: 1, cuts: 1 }],
    [{ inputs: 1, drains: 1, kills: 1, thaws: 1, cuts: 1 }],
  ])('%j', (config) => {
    const t = Date.now();
    const r = explore(config, 20000);
    process.stdout.write(
      [JSON.stringify(config), r.states, r.steps, r.depth, Date.now() - t, JSON.stringify(r.failure)].join(' ') + '\n',
    );
  });
});
