import { describe, expect, test } from '@jest/globals';
import { createFencing, type Fencing, type FencingStore } from './fencing.js';

const command = (restartUid: string, fencing: number, generation = 1) => ({ restartUid, fencing, generation });
const refused = { code: 'GATE_REFUSED' };

/** A memory, and what it has stored. */
function fence(stored = 0): { readonly fencing: Fencing; readonly saved: number[] } {
  const saved: number[] = [];
  return { fencing: createFencing(storeOf(saved, stored)), saved };
}

/** A store that takes every number, as the file of a node; `stored` is what it begins with. */
function storeOf(saved: number[], stored = 0): FencingStore {
  return {
    stored,
    read: () => Promise.resolve(saved.at(-1) ?? stored),
    save: (highest) => {
      saved.push(highest);
      return Promise.resolve();
    },
  };
}

describe('the fence', () => {
  test('lets newer leaders pass and refuses older ones', async () => {
    const { fencing, saved } = fence();
    await fencing.check(command('a', 5), 'controller');
    await expect(fencing.check(command('b', 4), 'controller')).rejects.toMatchObject(refused);
    await fencing.check(command('b', 6), 'controller');
    await fencing.check(command('b', 6), 'controller');
    expect(fencing.highest()).toBe(6);
    expect(saved).toEqual([5, 6]);
  });

  test('refuses older ones after a start, too', async () => {
    const { fencing } = fence(9);
    await expect(fencing.check(command('a', 8), 'controller')).rejects.toMatchObject(refused);
    await fencing.check(command('a', 9), 'controller');
  });

  test('refuses an older attempt of the same restart only', async () => {
    const { fencing } = fence();
    await fencing.check(command('a', 1, 3), 'controller');
    await expect(fencing.check(command('a', 1, 2), 'controller')).rejects.toMatchObject(refused);
    await fencing.check(command('b', 1, 1), 'controller');
    await fencing.check(command('a', 1, 3), 'controller');
  });

  test('compares what others send, and keeps nothing of it', async () => {
    const { fencing, saved } = fence(4);
    await expect(fencing.check(command('a', 3), 'operator')).rejects.toMatchObject(refused);
    expect(await fencing.check(command('a', 2 ** 30, 2 ** 31 - 1), 'operator')).toEqual(command('a', 4, 2 ** 31 - 1));
    expect([fencing.highest(), saved]).toEqual([4, []]);
    await fencing.check(command('a', 4), 'controller');
  });

  test.each([-1, 2 ** 30 + 1, 2_147_483_647, 2 ** 32, Number.MAX_SAFE_INTEGER])(
    'refuses %d, whoever sends it',
    async (number) => {
      const { fencing, saved } = fence();
      for (const sender of ['controller', 'operator'] as const) {
        await expect(fencing.check(command('a', number), sender)).rejects.toMatchObject(refused);
      }
      await expect(fencing.check(command('a', 1, 2 ** 31), 'controller')).rejects.toMatchObject(refused);
      expect([fencing.highest(), saved]).toEqual([0, []]);
    },
  );

  test('lets nothing pass that could not be stored, and tries again with the next', async () => {
    let full = true;
    const save = (): Promise<void> => (full ? Promise.reject(new Error('no space left')) : Promise.resolve());
    const fencing = createFencing({ stored: 0, read: () => Promise.resolve(undefined), save });
    await expect(fencing.check(command('a', 5), 'controller')).rejects.toThrow('no space left');
    expect(fencing.highest()).toBe(0);
    full = false;
    await fencing.check(command('a', 5), 'controller');
    expect(fencing.highest()).toBe(5);
  });

  test('refuses a leader whose number was passed while it was stored', async () => {
    const { fencing } = fence();
    const both = [fencing.check(command('a', 5), 'controller'), fencing.check(command('b', 6), 'controller')];
    const [older, newer] = await Promise.allSettled(both);
    expect(newer?.status).toBe('fulfilled');
    expect(fencing.highest()).toBe(6);
    // Whichever was stored first: the older one passes only if it was.
    if (older?.status === 'rejected') expect(older.reason).toMatchObject(refused);
    await expect(fencing.check(command('a', 5), 'controller')).rejects.toMatchObject(refused);
  });

  test('of another agent of the node counts, too: whichever of them an older leader comes to', async () => {
    const saved: number[] = [];
    const [old, young] = [createFencing(storeOf(saved)), createFencing(storeOf(saved))];
    await old.check(command('a', 6), 'controller');
    await young.check(command('a', 7), 'controller');
    await expect(old.check(command('b', 6), 'controller')).rejects.toMatchObject(refused);
    await expect(old.check(command('b', 6), 'operator')).rejects.toMatchObject(refused);
    expect(old.highest()).toBe(7);
  });

  test('stores its number again where another agent has written a lower one over it', async () => {
    const { fencing, saved } = fence();
    await fencing.check(command('a', 7), 'controller');
    saved.push(6);
    await expect(fencing.check(command('b', 6), 'controller')).rejects.toMatchObject(refused);
    await fencing.check(command('a', 7), 'controller');
    expect(saved).toEqual([7, 6, 7]);
  });

  test('refuses a command without a restart', async () => {
    await expect(fence().fencing.check(undefined, 'controller')).rejects.toMatchObject(refused);
    await expect(fence().fencing.check(command('', 1), 'operator')).rejects.toMatchObject(refused);
  });

  test('forgets the generations of restarts long ago, never the leader', async () => {
    const { fencing } = fence();
    await fencing.check(command('first', 2, 9), 'controller');
    for (let index = 0; index < 300; index++) await fencing.check(command(`r${index}`, 2), 'controller');
    await fencing.check(command('first', 2, 1), 'controller');
    await expect(fencing.check(command('first', 1, 9), 'controller')).rejects.toMatchObject(refused);
  });
});
