import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isPaneletError } from '#common/errors/errors.js';
import { createRunningSha256, type RunningSha256State } from './running-sha256.js';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('running SHA-256', () => {
  test('agrees with node:crypto at every length around the block boundaries', () => {
    for (let size = 0; size <= 260; size++) {
      const bytes = Buffer.alloc(size, size);
      const hash = createRunningSha256();
      hash.update(bytes);
      expect(hash.digest()).toBe(sha256(bytes));
    }
  });

  test('does not depend on how bytes are cut, nor on being saved and continued in between', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), (pieces) => {
        let hash = createRunningSha256();
        for (const piece of pieces) {
          hash.update(piece);
          hash = createRunningSha256(JSON.parse(JSON.stringify(hash.save())) as RunningSha256State);
        }
        expect(hash.digest()).toBe(sha256(Buffer.concat(pieces)));
        expect(hash.sizeBytes).toBe(Buffer.concat(pieces).length);
      }),
    );
  });

  test('goes on after a digest', () => {
    const hash = createRunningSha256();
    hash.update(Buffer.from('ab'));
    hash.digest();
    hash.update(Buffer.from('c'));
    expect(hash.digest()).toBe(sha256(Buffer.from('abc')));
  });

  test('refuses a saved state that contradicts itself', () => {
    let caught: unknown;
    try {
      createRunningSha256({ words: [1, 2, 3, 4, 5, 6, 7, 8], rest: 'ff', sizeBytes: 64 });
    } catch (error) {
      caught = error;
    }
    expect(isPaneletError(caught, 'CHECKPOINT_UNREADABLE')).toBe(true);
  });
});
