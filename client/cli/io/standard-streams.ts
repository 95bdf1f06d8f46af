import { createReadStream, createWriteStream } from 'node:fs';
import { Readable, Writable } from 'node:stream';
import type { CliWorld } from './cli-world.js';

/** The standard streams of a process, as Node has opened them. */
export type ProcessStreams = Pick<CliWorld, 'stdin' | 'stdout' | 'stderr'>;

/**
 * The standard streams that a command reads and writes. In place of what Node does not know (a directory, a block device,
 * a socket of packets) it has an empty input, and an output that drops everything, each without a word: those are opened
 * here as files, with their data or their error.
 */
export function openStandardStreams({ stdin, stdout, stderr }: ProcessStreams): ProcessStreams {
  return {
    stdin: isStandIn(stdin) ? createReadStream('', { fd: 0, autoClose: false }) : stdin,
    stdout: isStandIn(stdout) ? createWriteStream('', { fd: 1, autoClose: false }) : stdout,
    stderr: isStandIn(stderr) ? createWriteStream('', { fd: 2, autoClose: false }) : stderr,
  };
}

// All others are of a class of their own: a terminal, a file, a socket.
function isStandIn(stream: Readable | Writable): boolean {
  const { constructor } = stream;
  return constructor === Readable || constructor === Writable;
}
