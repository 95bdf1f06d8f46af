import type { OwnerAccount } from '../../owners/owner-accounts.js';
import type { EndLimits } from '../../processes/end-processes.js';
import type { Family } from '../../processes/family.js';
import type { TerminalProgram } from './terminal-parameters.js';

/** A program that is to be started, for whom, and how it ends. */
export interface ProgramSetup {
  readonly program: TerminalProgram;
  readonly account: OwnerAccount | undefined;
  readonly endLimits: EndLimits;
}

/** What to start: the program, or what becomes it as its owner, who enters the directory himself: this process cannot. */
export function startOf({ program, account }: ProgramSetup): TerminalProgram {
  return account === undefined ? program : { ...program, ...account.launch(program), cwd: '/' };
}

/** What a list of sessions shows of a program. */
export function programDetails(program: TerminalProgram, pid: number, family: Family): Record<string, string> {
  return {
    pid: String(pid),
    command: [program.file, ...program.args].join(' ').slice(0, 200),
    startTime: family.startTime,
  };
}
