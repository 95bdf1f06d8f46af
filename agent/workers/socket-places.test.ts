import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { socketDirectories, socketPlaces, workerNumbers } from './socket-places.js';

const external = { run: 'external' } as const;

test('a worker that something else starts has a directory to itself, and may still be where the release before had it', () => {
  expect(socketPlaces('/run/panelet', { ...external, name: 'logs', target: 'agent' })).toEqual([
    '/run/panelet/workers/logs/worker.sock',
    '/run/panelet/workers/logs.sock',
  ]);
  expect(socketPlaces('/run/panelet', { ...external, name: 'terminal', target: 'host' })).toEqual([
    '/run/panelet/host/terminal/worker.sock',
    '/run/panelet/host/terminal.sock',
  ]);
});

test('no two workers that something else starts share a directory', () => {
  const panels = (['agent', 'host'] as const).flatMap((target) =>
    ['a', 'b'].map((name) => ({ ...external, name, target })),
  );
  const own = panels.map((panel) => socketDirectories('/run', panel).at(-1));
  expect(new Set(own).size).toBe(panels.length);
});

test('the agent’s own processes, which are one user’s anyway, stay where they are', () => {
  expect(socketPlaces('/run/panelet', { run: 'spawn', name: 'logs', target: 'host' })).toEqual([
    '/run/panelet/workers/logs.sock',
  ]);
});

test('the longest name fits into a socket’s path below the chart’s directory', () => {
  const [place] = socketPlaces('/run/panelet', { ...external, name: 'x'.repeat(32), target: 'agent' });
  expect(Buffer.byteLength(place)).toBeLessThan(108);
});

test('of several workers of a panel that the agent starts, the first is where releases with one worker look for it', () => {
  const panel = { run: 'spawn', name: 'logs', target: 'agent' } as const;
  expect([1, 2].map((number) => socketPlaces('/run', panel, number))).toEqual([
    ['/run/workers/logs.sock'],
    ['/run/workers/logs.2.sock'],
  ]);
});

test('workers are found by what they leave, a socket or a record; those of a panel whose name begins alike are another panel’s', () => {
  const runDir = mkdtempSync(join(tmpdir(), 'pw-'));
  const logs = { run: 'spawn', name: 'logs' } as const;
  expect(workerNumbers(runDir, logs)).toEqual([1]);
  mkdirSync(join(runDir, 'workers'));
  for (const file of ['logs.10.sock', 'logs.2.json', 'logs.2.sock', 'logs-b.4.sock', 'logs.x.sock', 'logs.sock']) {
    writeFileSync(join(runDir, 'workers', file), '');
  }
  expect(workerNumbers(runDir, logs)).toEqual([1, 2, 10]);
  expect(workerNumbers(runDir, { ...logs, run: 'external' })).toEqual([1]);
  rmSync(runDir, { recursive: true });
});
