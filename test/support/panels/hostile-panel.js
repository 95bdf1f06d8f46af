/**
 * A program of a panel that breaks the rules, in the way that the parameter "mode" says, and elsewhere returns what it gets. It shares no code
 * with the worker.
 */
import { Buffer } from 'node:buffer';
import { spawn } from 'node:child_process';
import { readSync, writeSync } from 'node:fs';
import process from 'node:process';

function varint(number) {
  return number < 128 ? [number] : [(number % 128) | 128, ...varint(Math.floor(number / 128))];
}
const integer = (number, value) => Buffer.from([...varint(number << 3), ...varint(value)]);
const bytes = (number, value) =>
  Buffer.concat([Buffer.from([...varint((number << 3) | 2), ...varint(value.length)]), value]);
const none = Buffer.alloc(0);

function writeAll(data) {
  for (let at = 0; at < data.length;) {
    try {
      at += writeSync(4, data, at);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}
function read(size) {
  const found = Buffer.alloc(size);
  for (let at = 0; at < size;) {
    let count;
    try {
      count = readSync(3, found, at, size - at);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
      continue;
    }
    if (count === 0) process.exit(0);
    at += count;
  }
  return found;
}
function frame(kind, content = none) {
  const message = bytes(kind, content);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(message.length);
  return Buffer.concat([head, message]);
}
const send = (kind, content) => writeAll(frame(kind, content));
/** Fields by number; of repeated ones all. */
function fields(data) {
  const found = new Map();
  let at = 0;
  const number = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = data[at++];
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < data.length) {
    const key = number();
    let value = number();
    if ((key & 7) === 2) value = data.subarray(at, (at += value));
    found.set(key >> 3, [...(found.get(key >> 3) ?? []), value]);
  }
  return found;
}
const sleepForEver = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);

let mode = process.argv[2] ?? '';
const at = (step, modes) => {
  const harm = modes[mode];
  if (mode === `die-at-${step}`) process.exit(9);
  if (mode === `kill-at-${step}`) process.kill(process.pid, 'SIGKILL');
  if (mode === `silent-at-${step}`) sleepForEver();
  harm?.();
};
const harms = {
  flood: () => {
    for (;;) send(2, bytes(1, Buffer.alloc(65_536)));
  },
  events: () => {
    for (;;) send(3, bytes(1, Buffer.from('more')));
  },
  garbage: () => writeAll(Buffer.concat([Buffer.from([0, 0, 0, 5]), Buffer.from([255, 255, 255, 255, 255])])),
  giant: () => writeAll(Buffer.from([255, 255, 255, 255])),
  torn: () => {
    writeAll(Buffer.from([0, 0, 0, 200, 1]));
    process.exit(0);
  },
  unknown: () => send(15),
  noise: () => {
    for (let count = 0; count < 20_000; count++) process.stderr.write(`${'noise '.repeat(200)}\n`);
  },
  tiny: () => {
    for (;;) send(4, integer(1, 0));
  },
};

for (;;) {
  const message = fields(read(read(4).readUInt32BE()));
  for (const [kind, [content]] of message) {
    let inner = fields(content);
    if (kind === 2) inner = fields(inner.get(1)[0]);
    if (kind === 1 || kind === 2) {
      const parameters = (inner.get(3) ?? []).map((entry) => fields(entry));
      mode = parameters.map((entry) => String(entry.get(2)?.[0]))[0] ?? '';
      at('open', {});
      if (mode === 'no-end') process.on('SIGHUP', () => undefined).on('SIGTERM', () => undefined);
      if (mode === 'forks') {
        for (const options of [{}, { detached: true }]) {
          spawn('/bin/sh', ['-c', 'trap "" HUP TERM; while :; do sleep 5; done'], {
            ...options,
            stdio: 'ignore',
          }).unref();
        }
      }
      send(1, integer(1, mode === 'deaf' ? 2 ** 40 : inner.get(4)[0]));
      at('opened', {});
      if (mode === 'deaf') sleepForEver();
    }
    if (kind === 3) {
      at('input', harms);
      send(2, bytes(1, inner.get(1)?.[0] ?? none));
    }
    if (kind === 8) send(4, integer(1, inner.get(1)[0]));
    if (kind === 9) {
      at('freeze', {});
      const frozen = frame(5, bytes(1, mode === 'obese' ? Buffer.alloc(4 * 1024 * 1024 + 1) : Buffer.from('state')));
      writeAll(mode === 'restless' ? Buffer.concat([frozen, frame(2, bytes(1, Buffer.from('after')))]) : frozen);
      at('frozen', {});
    }
    if (kind === 11) {
      if (mode === 'no-end') sleepForEver();
      at('close', {});
      process.exit(0);
    }
  }
}
