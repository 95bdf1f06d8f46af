import sequencer from '@jest/test-sequencer';

/** Runs test files by name: installing first, uninstalling last. */
export default class InOrder extends sequencer.default {
  sort(tests) {
    return [...tests].sort((a, b) => (a.path < b.path ? -1 : 1));
  }
}
