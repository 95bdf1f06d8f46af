import { expect, test } from '@jest/globals';
import { GateStatus, type Command } from '#proto/gate/v1/gate.js';
import { commandTo } from './command-to.js';

const command = { restartUid: 'r', fencing: 5, generation: 1 };
const knowing = (fencing: number): GateStatus => GateStatus.fromPartial({ fencing });

test.each([0, 4, 5])('a worker that knows %d gets the command as it came', (fencing) => {
  expect(commandTo(knowing(fencing), command)).toEqual(command);
});

test.each([6, 2 ** 30, Number.MAX_SAFE_INTEGER])('one that was told %d gets that number', (fencing) => {
  expect(commandTo(knowing(fencing), command)).toEqual({ ...command, fencing });
});

test('no command stays none', () => {
  expect([commandTo<Command | undefined>(knowing(9), undefined)]).toEqual([undefined]);
});
