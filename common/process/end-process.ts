import { isatty } from 'node:tty';

/** Ends the process that this is in. */
export interface ProcessEnd {
  /** Ends with an exit code, or, where its terminal has gone, as a hang-up ends a program. */
  end(exitCode: number): void;
}

const standardDescriptors = [0, 1, 2];

/**
 * Looks which of the standard descriptors are a terminal now. Node puts terminals back when it exits, and takes one that
 * is no longer there for a bug of its own: it would abort, with a stack and a core file.
 */
export function createProcessEnd(self: NodeJS.Process): ProcessEnd {
  const terminals = standardDescriptors.filter((fd) => isatty(fd));
  return {
    end: (exitCode) => {
      if (terminals.some((fd) => !isatty(fd))) {
        self.removeAllListeners('SIGHUP');
        self.kill(self.pid, 'SIGHUP');
      }
      self.exit(exitCode);
    },
  };
}
