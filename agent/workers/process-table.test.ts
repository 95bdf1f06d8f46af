import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import { createSystemClock } from '#common/time/clock.js';
import { createProcessTable, endProcess, isAlive } from './process-table.js';

const table = createProcessTable();
const clock = createSystemClock();

async function start(...args: string[]): Promise<{ pid: number; startTime: string }> {
  const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
  child.unref();
  await once(child.stdout, 'data');
  return table.find(child.pid!)!;
}

const obedient = 'console.log("up"); setInterval(() => 0, 1000)';
const stubborn = `process.on("SIGTERM", () => 0); ${obedient}`;

describe('processes', () => {
  test('are known by number and start time', async () => {
    const found = await start('-e', obedient);
    expect(isAlive(table, found)).toBe(true);
    expect(isAlive(table, { ...found, startTime: '1' })).toBe(false);
    expect(table.signal({ ...found, startTime: '1' }, 'SIGKILL')).toBe(false);
    expect(await endProcess(table, found, { clock, termMs: 5000 })).toBe('ended');
    expect(table.find(found.pid)).toBeUndefined();
  });

  test('are found by an argument, exactly', async () => {
    const found = await start('-e', obedient, '--', '--socket', '/tmp/panelet-test-x.sock');
    expect(table.findByArgument('--socket', '/tmp/panelet-test-x.sock')).toEqual([found]);
    expect(table.findByArgument('--socket', '/tmp/panelet-test-x')).toEqual([]);
    await endProcess(table, found, { clock, termMs: 5000 });
  });

  test('are killed with their group when they ignore SIGTERM', async () => {
    const found = await start('-e', stubborn);
    expect(await endProcess(table, found, { clock, termMs: 100 })).toBe('killed');
    expect(isAlive(table, found)).toBe(false);
  });

  test('that are left of a group are found after the end of its leader', async () => {
    const leader = await start(
      '-e',
      `const { spawn } = require("node:child_process"); const child = spawn(process.execPath, ["-e", ${JSON.stringify(obedient)}], { stdio: ["ignore", "pipe", "ignore"] }); child.stdout.once("data", () => console.log("up")); setInterval(() => 0, 1000)`,
    );
    expect(table.leftBehind(leader)).toHaveLength(1);
    table.signal(leader, 'SIGKILL');
    while (isAlive(table, leader)) await new Promise((resolve) => setTimeout(resolve, 5));
    const left = table.leftBehind(leader);
    expect(left).toHaveLength(1);
    for (const orphan of left) table.signal(orphan, 'SIGKILL');
    while (table.leftBehind(leader).length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  });
});
