import { open, stat } from 'node:fs/promises';
import { sleep, type Clock } from '#common/time/clock.js';
import type { PodLogRequest, PodLogSource } from '../http/handlers/pod-logs.js';
import { StatusError } from '../store/status-error.js';

/** Where a container's output is, and whether more may come. */
export interface ContainerLog {
  /** File of the run that was asked for; undefined when there was no such run. */
  readonly file: string | undefined;
  /** True while that run goes on. */
  isRunning(): boolean;
}

/** What a log source needs. */
export interface PodLogReaderDeps {
  readonly clock: Clock;
  readonly find: (request: PodLogRequest) => ContainerLog | undefined;
}

const followPollMs = 100;
const pieceBytes = 64 * 1024;

function refuse(message: string): StatusError {
  return new StatusError(400, 'BadRequest', message);
}

async function* readFrom(file: string, from: number, limit: number): AsyncGenerator<Uint8Array, number> {
  const handle = await open(file, 'r');
  try {
    let at = from;
    for (;;) {
      const piece = Buffer.alloc(Math.min(pieceBytes, limit - (at - from)));
      const { bytesRead } = await handle.read(piece, 0, piece.length, at);
      if (bytesRead === 0) return at;
      at += bytesRead;
      yield piece.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

/** Where the last `lines` lines of a file begin. */
async function startOfTail(file: string, lines: number): Promise<number> {
  const { size } = await stat(file);
  const handle = await open(file, 'r');
  try {
    let left = lines;
    for (let end = size; end > 0;) {
      const start = Math.max(0, end - pieceBytes);
      const piece = Buffer.alloc(end - start);
      await handle.read(piece, 0, piece.length, start);
      for (let at = piece.length - 1; at >= 0; at--) {
        // The line break that ends the file ends its last line and begins none.
        const isBreak = piece[at] === 0x0a && start + at !== size - 1;
        if (isBreak && --left === 0) return start + at + 1;
      }
      end = start;
    }
    return lines === 0 ? size : 0;
  } finally {
    await handle.close();
  }
}

/** Reads containers' output from their files. */
export function createPodLogReader(deps: PodLogReaderDeps): PodLogSource {
  return async function* (request, signal) {
    if (request.timestamps || request.sinceSeconds !== undefined || request.sinceTime !== undefined) {
      throw refuse(
        'the dev cluster keeps the output of containers as it is, without times: leave --timestamps and --since out',
      );
    }
    const found = deps.find(request);
    if (found?.file === undefined) {
      const which = request.previous ? 'previous terminated container' : 'container';
      throw refuse(`${which} "${request.container}" in pod "${request.pod}" not found`);
    }
    const { file } = found;
    const limit = request.limitBytes ?? Infinity;
    let at = request.tailLines === undefined ? 0 : await startOfTail(file, request.tailLines);
    let left = limit;
    for (;;) {
      // Asked before reading: what a container wrote before it ended is read after that is known.
      const goesOn = request.follow && found.isRunning() && !signal.aborted;
      for await (const piece of readFrom(file, at, left)) {
        at += piece.length;
        left -= piece.length;
        yield piece;
      }
      if (!goesOn || left <= 0) return;
      await sleep(deps.clock, followPollMs, signal).catch(() => undefined);
    }
  };
}
