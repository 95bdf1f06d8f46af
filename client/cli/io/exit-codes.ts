import type { ErrorCode } from '#common/errors/errors.js';

/** One exit code of the CLI. */
export interface ExitCode {
  readonly code: number;
  readonly name: string;
  readonly meaning: string;
}

/**
 * Exit codes of `panelet`; docs/reference/cli.md shows this table. `attach` and `exec` end with the exit code of the
 * program they ran (128 + the number of the signal that ended it), as ssh does; these apply when it did not get to run
 * or its end is not known.
 */
export const exitCodes = {
  ok: { code: 0, name: 'ok', meaning: 'Done.' },
  failure: { code: 1, name: 'failure', meaning: 'It failed; the message says why.' },
  usage: { code: 2, name: 'usage', meaning: 'The command line, the configuration or a file named there is wrong.' },
  denied: { code: 3, name: 'denied', meaning: 'No identity, a wrong token, or not allowed.' },
  notFound: { code: 4, name: 'not-found', meaning: 'No such panel, session or restart, or it is not yours.' },
  unavailable: {
    code: 5,
    name: 'unavailable',
    meaning: 'The agent or the cluster cannot be reached or takes nothing new now; try again later.',
  },
  sessionOver: {
    code: 6,
    name: 'session-over',
    meaning: 'The session was lost, has ended, or was taken over by another client.',
  },
  forced: {
    code: 7,
    name: 'forced',
    meaning:
      'A restart ended the session by force; or the drain or restart that was asked for did so, or did not get to its end in time.',
  },
  tooLate: {
    code: 8,
    name: 'too-late',
    meaning: 'The restart was over, or being called off, before; nothing was changed.',
  },
  timedOut: { code: 124, name: 'timed-out', meaning: '`exec --timeout`: the command took too long and was ended.' },
  noProgram: { code: 127, name: 'no-program', meaning: 'There is no program of this name that may be run.' },
  brokenPipe: {
    code: 141,
    name: 'broken-pipe',
    meaning: 'Nobody reads standard output any more, as after `head`.',
  },
} as const satisfies Record<string, ExitCode>;

/** The exit code for an error. */
export function exitCodeOf(code: ErrorCode): number {
  switch (code) {
    case 'CONFIG_INVALID':
    case 'KUBECONFIG_INVALID':
      return exitCodes.usage.code;
    case 'IDENTITY_MISSING':
    case 'IDENTITY_REFUSED':
      return exitCodes.denied.code;
    case 'PANEL_UNKNOWN':
    case 'SESSION_UNKNOWN':
    case 'API_NOT_FOUND':
      return exitCodes.notFound.code;
    case 'AGENT_UNREACHABLE':
    case 'API_UNAVAILABLE':
    case 'CORDONED':
    case 'TIMEOUT':
    case 'TRANSPORT_LOST':
    case 'WORKER_UNAVAILABLE':
      return exitCodes.unavailable.code;
    case 'ATTACH_SUPERSEDED':
    case 'SESSION_ENDED':
    case 'SESSION_LOST':
      return exitCodes.sessionOver.code;
    case 'PROGRAM_UNKNOWN':
      return exitCodes.noProgram.code;
    case 'DRAIN_FORCED':
      return exitCodes.forced.code;
    case 'RESTART_OVER':
      return exitCodes.tooLate.code;
    default:
      return exitCodes.failure.code;
  }
}

const usualSignals: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
};

/** Exit code for how a program ended, as a shell gives it: its own code, or 128 + the number of the signal. */
export function exitCodeOfProgram(end: { readonly code: number; readonly signal: string | undefined }): number {
  if (end.signal === undefined) return end.code;
  return 128 + (usualSignals[end.signal] ?? 0);
}

/** Exit code after the signal that asked this process to stop, which is the reason of `stop`. */
export function exitCodeOfStop(stop: AbortSignal): number {
  return 128 + (usualSignals[String(stop.reason)] ?? 0);
}
