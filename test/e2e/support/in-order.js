import sequencer from '@jest/test-sequencer';

// Jest requires this file, and then the import is the class itself.
const Sequencer = sequencer.default ?? sequencer;

/** Runs test files by name: installing first, uninstalling last. */
export default class InOrder extends Sequencer {
  sort(tests) {
    return [...tests].sort((a, b) => (a.path < b.path ? -1 : 1));
  }
}
