import { describe, expect, test } from '@jest/globals';
import { createFencing } from './fencing.js';

const command = (restartUid: string, fencing: number, generation = 1) => ({ restartUid, fencing, generation });
const refused = expect.objectContaining({ code: 'GATE_REFUSED' }) as unknown as Error;

describe('the fence', () => {
  test('lets newer leaders pass and refuses older ones', () => {
    const fencing = createFencing();
    fencing.check(command('a', 5));
    expect(() => fencing.check(command('b', 4))).toThrow(refused);
    fencing.check(command('b', 6));
    expect(fencing.highest()).toBe(6);
  });

  test('refuses an older attempt of the same restart only', () => {
    const fencing = createFencing();
    fencing.check(command('a', 1, 3));
    expect(() => fencing.check(command('a', 1, 2))).toThrow(refused);
    fencing.check(command('b', 1, 1));
    fencing.check(command('a', 1, 3));
  });

  test('knows numbers that a worker has seen', () => {
    const fencing = createFencing();
    fencing.observe(9);
    expect(() => fencing.check(command('a', 8))).toThrow(refused);
  });

  test('refuses a command without a restart', () => {
    expect(() => createFencing().check(undefined)).toThrow(refused);
    expect(() => createFencing().check(command('', 1))).toThrow(refused);
  });

  test('forgets the generations of restarts long ago, never the leader', () => {
    const fencing = createFencing();
    fencing.check(command('first', 2, 9));
    for (let index = 0; index < 300; index++) fencing.check(command(`r${index}`, 2));
    fencing.check(command('first', 2, 1));
    expect(() => fencing.check(command('first', 1, 9))).toThrow(refused);
  });
});
