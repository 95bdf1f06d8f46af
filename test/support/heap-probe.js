// Loaded into a process under test with `--import`. At SIGUSR2 it collects garbage and writes what memory is left in use.
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const dir = process.env['PANELET_TEST_HEAP_DIR'];
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

if (dir !== undefined) {
  process.on('SIGUSR2', () => {
    collect();
    const file = join(dir, `heap-${String(process.pid)}.json`);
    writeFileSync(`${file}.new`, JSON.stringify(process.memoryUsage()));
    renameSync(`${file}.new`, file);
  });
}
