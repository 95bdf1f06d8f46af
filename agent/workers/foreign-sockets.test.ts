import { chmodSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { findForeignSockets } from './foreign-sockets.js';

const uid = '0b1c2d3e-4f50-4161-8273-8495a6b7c8d9';
let runDir: string;

beforeEach(() => {
  // Every user may pass through /tmp.
  runDir = mkdtempSync('/tmp/pf-');
});
afterEach(() => {
  rmSync(runDir, { recursive: true });
});

const make = (...paths: readonly string[]): void => {
  for (const path of paths) {
    mkdirSync(join(runDir, path, '..'), { recursive: true });
    writeFileSync(join(runDir, path), '');
  }
};
const find = (podUid = uid) => {
  const entered: string[] = [];
  const { sockets, hosts } = findForeignSockets({ runDir, podUid }, (path) => entered.push(relative(runDir, path)));
  return {
    entered,
    hosts: [...hosts.keys()].map((path) => relative(runDir, path)),
    sockets: Object.fromEntries([...sockets].map(([path, panel]) => [relative(runDir, path), panel])),
  };
};

test('workers of other pods are found, whoever has started them, and none of one’s own', () => {
  make(
    `pods/${uid.slice(0, 8)}/echo.sock`,
    'pods/22222222/echo.sock',
    'pods/22222222/echo.2.sock',
    'pods/22222222/echo.json',
  );
  make(
    `workers/logs/${uid}/worker.sock`,
    'workers/logs/other/worker.sock',
    'workers/echo.sock',
    'workers/logs/worker.sock',
  );
  expect(find().sockets).toEqual({
    ...{ 'pods/22222222/echo.sock': 'echo', 'pods/22222222/echo.2.sock': 'echo' },
    'workers/logs/other/worker.sock': 'logs',
  });
});

test('hosts of all pods are found, the one that came first first, also by an agent in no pod, which has no neighbours', () => {
  make(
    'host/shell/b/worker.sock',
    'host/shell/worker.sock',
    'host/shell/a/worker.sock',
    'workers/logs/other/worker.sock',
  );
  utimesSync(join(runDir, 'host/shell/b/worker.sock'), 1_000, 1_000);
  const hosts = ['host/shell/b/worker.sock', 'host/shell/a/worker.sock'];
  expect(find()).toMatchObject({ sockets: { 'workers/logs/other/worker.sock': 'logs' }, hosts });
  expect(find('')).toMatchObject({ sockets: {}, hosts });
});

test('every directory in which a socket may appear is entered', () => {
  mkdirSync(join(runDir, 'pods', '22222222'), { recursive: true });
  mkdirSync(join(runDir, 'workers', 'logs', 'other'), { recursive: true });
  mkdirSync(join(runDir, 'host', 'shell', 'b'), { recursive: true });
  expect(find().entered.sort()).toEqual(
    [
      ...['pods', 'pods/22222222', 'workers', 'workers/logs', 'workers/logs/other'],
      ...['host', 'host/shell', 'host/shell/b'],
    ].sort(),
  );
});

// Only root can make what another user may not read.
const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

asRoot('of an agent that is not root', () => {
  beforeEach(() => {
    make('workers/logs/other/worker.sock', 'workers/metrics/other/worker.sock', 'workers/echo/other/worker.sock');
    chmodSync(runDir, 0o755);
    chmodSync(join(runDir, 'workers', 'logs', 'other'), 0o700);
    chmodSync(join(runDir, 'workers', 'metrics'), 0o700);
    process.seteuid?.(65532);
  });
  afterEach(() => {
    process.seteuid?.(0);
  });

  test('directories that the kubelet has just made, root’s still, hold up nothing', () => {
    expect(find().sockets).toEqual({ 'workers/echo/other/worker.sock': 'echo' });
  });
});
