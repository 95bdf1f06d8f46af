import { describe, expect, test } from '@jest/globals';
import { explore } from './explore.js';
describe('try', () => {
  test.each([
    [{ inputs: 1 }],
    [{ inputs: 2 }],
    [{ inputs: 1, cuts: 1 }],
    [{ inputs: 1, cuts: 1, drains: 1 }],
    [{ inputs: 1, kills: 1 }],
  ])('%j', (config) => {
    const t = Date.now();
    const r = explore(config, 20000);
    console.log(JSON.stringify(config), r.states, r.steps, r.depth, Date.now() - t, r.failure);
  });
});
