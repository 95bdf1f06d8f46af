import type { PaneletSession } from '#client/sdk.js';

/** What a program that draws a screen has shown so far. */
export interface ScreenWatch {
  readonly outputBytes: number;
  /** Set once the program has ended. */
  readonly exitCode: number | undefined;
  /** Resolves when nothing more comes; what went wrong is among the failures. */
  readonly reading: Promise<unknown>;
}

/** Reads a terminal's output for as long as there is some, and counts it. */
export function watchScreen(session: PaneletSession, failures: string[]): ScreenWatch {
  let outputBytes = 0;
  let exitCode: number | undefined;
  const read = async (): Promise<void> => {
    for await (const item of session) {
      if (item.kind === 'data') outputBytes += item.payload.length;
      if (item.kind === 'exit') exitCode = item.code;
    }
  };
  return {
    get outputBytes() {
      return outputBytes;
    },
    get exitCode() {
      return exitCode;
    },
    reading: read().catch((error: unknown) => failures.push(String(error))),
  };
}
