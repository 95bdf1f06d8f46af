import { expect, test } from '@jest/globals';
import { socketDirectories, socketPlaces } from './socket-places.js';

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
