import type { ReadStream, WriteStream } from 'node:tty';
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '#common/time/clock.js';
import type { Random } from '#common/random.js';

/** The CLI by itself, or as a plugin of kubectl. */
export type ProgramName = 'panelet' | 'kubectl panelet';

/** Everything the CLI knows of the process it runs in; `main.ts` has the real one. */
export interface CliWorld {
  /** What the user typed to start it, for texts that name commands. */
  readonly name: ProgramName;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Undefined where HOME is not set and the user has no entry in passwd, as in some containers. */
  readonly homeDir: string | undefined;
  readonly stdin: Readable & Partial<Pick<ReadStream, 'isTTY' | 'setRawMode'>>;
  readonly stdout: Writable & Partial<Pick<WriteStream, 'isTTY' | 'rows' | 'columns'>>;
  readonly stderr: Writable;
  readonly clock: Clock;
  readonly random: Random;
  /** Aborts when the process is asked to end (SIGTERM, SIGHUP, and SIGINT where the terminal is not raw). */
  readonly stop: AbortSignal;
  readonly version: string;
  /** Where the files of the board's page are. */
  readonly boardDirectory: string;
}
