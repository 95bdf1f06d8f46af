/** A short run of every benchmark: each must still print all its numbers. How large they are does not matter. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onStop } from '#common/process/on-stop.js';
import { createSystemClock } from '#common/time/clock.js';
import { findingLines, type Finding } from './smoke/finding.js';
import { shortRuns, type ShortRun } from './smoke/short-runs.js';

const self = fileURLToPath(import.meta.url);
const binDirectory = dirname(self);
const clock = createSystemClock({ keepsAlive: true });
const limitMs = 300_000;
const stopped = new AbortController();
let running: ChildProcess | undefined;

async function runOne({ script, program, args, find }: ShortRun): Promise<readonly Finding[]> {
  process.stdout.write(`── ${script} ${args.join(' ')}\n`);
  const child = spawn(process.execPath, [join(binDirectory, program), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running = child;
  const timer = clock.after(limitMs, () => child.kill('SIGTERM'));
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    process.stdout.write(text);
  });
  const ended = await new Promise<string>((resolve) => {
    child.once('close', (code, signal) => resolve(String(signal ?? code)));
  });
  timer.stop();
  const problem = ended === '0' ? undefined : `It ended with ${ended}.`;
  return [{ name: script, problem }, ...find(output)];
}

function unknownScripts(runs: readonly ShortRun[]): readonly Finding[] {
  const file = join(binDirectory, '..', '..', 'package.json');
  const { scripts } = JSON.parse(readFileSync(file, 'utf8')) as { scripts: Record<string, string> };
  return Object.keys(scripts)
    .filter((name) => name.startsWith('bench:') && name !== 'bench:smoke')
    .filter((name) => !runs.some(({ script }) => script === name))
    .map((name) => ({ name, problem: 'It has no short run; give it one in test/bench/smoke/short-runs.ts.' }));
}

onStop(process, () => {
  stopped.abort();
  running?.kill('SIGTERM');
  return undefined;
});

const runs = shortRuns(join(binDirectory, 'panelet-agent.js'), { clock, self, signal: stopped.signal });
const findings: Finding[] = [...unknownScripts(runs)];
for (const run of runs) {
  if (!stopped.signal.aborted) findings.push(...(await runOne(run)));
}
process.stdout.write('\n');
for (const line of findingLines(findings)) process.stdout.write(`${line}\n`);
if (stopped.signal.aborted || findings.some(({ problem }) => problem !== undefined)) process.exitCode = 1;
