import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createSilentLog } from '#common/log.js';
import { createNameFiles, type NameFiles } from './name-files.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pn-'));
  writeFileSync(join(directory, 'passwd'), 'root:x:0:0:root:/root:/bin/bash\nu7:x:7:7::/:/bin/sh');
  writeFileSync(join(directory, 'group'), '');
});
afterEach(() => rmSync(directory, { recursive: true }));

const files = (): NameFiles => createNameFiles({ directory, shell: '/bin/bash', log: createSilentLog() });
const read = (name: string): string => readFileSync(join(directory, name), 'utf8');

test('an owner gets a line in each file once, whoever else is there', async () => {
  const ann = { uid: 70_000, name: 'u70000', home: '/homes/70000' };
  await files().add(ann);
  await files().add(ann);
  await files().add({ uid: 7000, name: 'u7000', home: '/homes/7000' });
  expect(read('passwd')).toBe(
    'root:x:0:0:root:/root:/bin/bash\nu7:x:7:7::/:/bin/sh\nu70000:x:70000:70000::/homes/70000:/bin/bash\n' +
      'u7000:x:7000:7000::/homes/7000:/bin/bash\n',
  );
  expect(read('group')).toBe('u70000:x:70000:\nu7000:x:7000:\n');
});

test('a file that is not there costs the name and nothing else', async () => {
  rmSync(join(directory, 'passwd'));
  await expect(files().add({ uid: 1, name: 'u1', home: '/' })).resolves.toBeUndefined();
});
