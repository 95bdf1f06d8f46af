import { linkSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { panelOfSocket, placesNow, socketDirectories, socketPlaces, workerNumbers } from './socket-places.js';

const external = { run: 'external' } as const;
const place = { runDir: '/run/panelet', podUid: '' };
const ofPod = { ...place, podUid: '0b1c2d3e-4f50-4161-8273-8495a6b7c8d9' };

test('a worker that something else starts has a directory to itself, and may still be where the release before had it', () => {
  expect(socketPlaces(place, { ...external, name: 'logs', target: 'agent' })).toEqual([
    '/run/panelet/workers/logs/worker.sock',
    '/run/panelet/workers/logs.sock',
  ]);
  expect(socketPlaces(place, { ...external, name: 'terminal', target: 'host' })).toEqual([
    '/run/panelet/host/terminal/worker.sock',
    '/run/panelet/host/terminal.sock',
  ]);
});

test('a container beside an agent has a directory of its pod’s; where others may be beside it, its socket is nowhere else', () => {
  const own = '/run/panelet/workers/logs/0b1c2d3e-4f50-4161-8273-8495a6b7c8d9/worker.sock';
  const logs = { ...external, name: 'logs', target: 'agent' } as const;
  expect(socketPlaces(ofPod, { ...logs, beside: true })).toEqual([own]);
  expect(socketPlaces(ofPod, logs)).toEqual([own, ...socketPlaces(place, logs)]);
});

test('a host of no pod is looked for where earlier releases have it, and not at what is linked there of a pod’s', () => {
  const of = { ...ofPod, runDir: mkdtempSync(join(tmpdir(), 'ph-')) };
  const shell = { ...external, name: 'shell', target: 'host' } as const;
  const directory = join(of.runDir, 'host', 'shell');
  mkdirSync(join(directory, 'pod'), { recursive: true });
  writeFileSync(join(directory, 'pod', 'worker.sock'), '');
  writeFileSync(join(directory, 'worker.sock'), '');
  expect(placesNow(of, shell)).toEqual(socketPlaces(of, shell));
  rmSync(join(directory, 'worker.sock'));
  linkSync(join(directory, 'pod', 'worker.sock'), join(directory, 'worker.sock'));
  expect(placesNow(of, shell)).toEqual([`${directory}.sock`]);
  rmSync(of.runDir, { recursive: true });
});

test('no two workers that something else starts share a directory', () => {
  const panels = (['agent', 'host'] as const).flatMap((target) =>
    ['a', 'b'].map((name) => ({ ...external, name, target })),
  );
  const own = panels.map((panel) => socketDirectories(place, panel).at(-1));
  expect(new Set(own).size).toBe(panels.length);
});

test('the agent’s own processes, which are one user’s anyway, stay where they are', () => {
  expect(socketPlaces(place, { run: 'spawn', name: 'logs', target: 'host' })).toEqual([
    '/run/panelet/workers/logs.sock',
  ]);
});

test('the longest name fits into a socket’s path below the chart’s directory', () => {
  for (const each of [place, ofPod]) {
    const [path] = socketPlaces(each, { ...external, name: 'x'.repeat(32), target: 'agent' });
    expect(Buffer.byteLength(path)).toBeLessThan(108);
  }
});

test('an agent in a pod has the workers to itself that it starts for itself, and shares those of hosts', () => {
  expect(socketPlaces(ofPod, { run: 'spawn', name: 'logs', target: 'agent' })).toEqual([
    '/run/panelet/pods/0b1c2d3e/logs.sock',
  ]);
  for (const panel of [{ run: 'spawn', target: 'host' } as const, { ...external, target: 'host' } as const]) {
    expect(socketPlaces(ofPod, { ...panel, name: 'terminal' })).toEqual(
      socketPlaces(place, { ...panel, name: 'terminal' }),
    );
  }
});

test('of several workers of a panel that the agent starts, the first is where releases with one worker look for it', () => {
  const panel = { run: 'spawn', name: 'logs', target: 'agent' } as const;
  expect([1, 2].map((number) => socketPlaces({ ...place, runDir: '/run' }, panel, number))).toEqual([
    ['/run/workers/logs.sock'],
    ['/run/workers/logs.2.sock'],
  ]);
});

test('workers are found by what they leave, a socket or a record; those of a panel whose name begins alike are another panel’s', () => {
  const runDir = mkdtempSync(join(tmpdir(), 'pw-'));
  const logs = { run: 'spawn', name: 'logs', target: 'agent' } as const;
  const of = { runDir, podUid: '' };
  expect(workerNumbers(of, logs)).toEqual([1]);
  mkdirSync(join(runDir, 'workers'));
  for (const file of ['logs.10.sock', 'logs.2.json', 'logs.2.sock', 'logs-b.4.sock', 'logs.x.sock', 'logs.sock']) {
    writeFileSync(join(runDir, 'workers', file), '');
  }
  expect(workerNumbers(of, logs)).toEqual([1, 2, 10]);
  expect(workerNumbers(of, { ...logs, run: 'external' })).toEqual([1]);
  rmSync(runDir, { recursive: true });
});

test('the panel of a worker is known by the name of its socket, whichever of several it is', () => {
  const names = ['logs.sock', 'logs.12.sock', 'my-logs.sock', 'logs.json', 'logs.x.sock', 'agent-lock', '.sock'];
  expect(names.map(panelOfSocket)).toEqual(['logs', 'logs', 'my-logs', undefined, undefined, undefined, undefined]);
});
