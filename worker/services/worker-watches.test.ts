import { EventEmitter } from 'node:events';
import { expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { GateStatus } from '#proto/gate/v1/gate.js';
import { WorkerWatches } from './worker-watches.js';

test('tells changes together, and rests four times as long as making a status takes', () => {
  const clock = createFakeClock();
  const changes = new EventEmitter();
  let sessions = 0;
  let costMs = 0;
  const status = (): GateStatus => {
    clock.advance(costMs);
    return GateStatus.fromPartial({ sessions });
  };
  const gate = { listen: (onChange: () => void) => changes.on('change', onChange), status };
  const watches = new WorkerWatches({ gate: gate as never, clock });
  const told: number[] = [];
  const call = Object.assign(new EventEmitter(), {
    request: {},
    write: (response: { readonly status: GateStatus }) => void told.push(response.status.sessions),
  });
  watches.add(call as never);
  const change = (): void => {
    sessions += 1;
    changes.emit('change');
  };
  change();
  change();
  clock.advance(19);
  expect(told).toEqual([0]);
  clock.advance(1);
  expect(told).toEqual([0, 2]);
  costMs = 25;
  change();
  clock.advance(20);
  expect(told).toEqual([0, 2, 3]);
  costMs = 0;
  change();
  clock.advance(74);
  expect(told).toEqual([0, 2, 3]);
  clock.advance(26);
  expect(told).toEqual([0, 2, 3, 4]);
  change();
  clock.advance(20);
  expect(told).toEqual([0, 2, 3, 4, 5]);
});
