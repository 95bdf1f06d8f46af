/**
 * Stands by a run of tests until its standard input ends, as it does however the run ends. Then it ends the processes that work in
 * the directory of the run, says on standard error which these were, and removes the directory.
 */
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { endLeftProcesses } from './left-processes.js';

const [directory, patienceMs] = process.argv.slice(2);

process.stdin.resume();
await once(process.stdin, 'end');
const left = await endLeftProcesses(directory, Number(patienceMs));
rmSync(directory, { recursive: true, force: true });
// Nobody listens when the run was killed.
process.stderr.on('error', () => undefined);
if (left.length > 0) process.stderr.write(`${left.join('\n')}\n`);
