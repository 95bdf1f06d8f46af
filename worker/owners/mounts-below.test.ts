import { expect, test } from '@jest/globals';
import { mountsBelow } from './mounts-below.js';

const info = [
  '22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw',
  '30 22 8:1 /homes /state/homes rw - ext4 /dev/sda1 rw',
  '31 30 0:40 / /state/homes/70000/my\\040disk rw - tmpfs tmpfs rw',
  '32 30 0:41 / /state/homes/700001/disk rw - tmpfs tmpfs rw',
  '33 30 0:42 / /state/homes/70002 rw - tmpfs tmpfs rw',
  '',
].join('\n');

test('a mount in a directory is found, and one on it, and none beside it or above', () => {
  expect(mountsBelow(info, '/state/homes/70000')).toEqual(['/state/homes/70000/my disk']);
  expect(mountsBelow(info, '/state/homes/70002')).toEqual(['/state/homes/70002']);
  expect(mountsBelow(info, '/state/homes/70003')).toEqual([]);
});
