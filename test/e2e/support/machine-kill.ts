import { isOfPod, podProcesses, type MachineProcess } from './proc.js';

/** Programs of Panelet by their command line. */
export const programs = {
  agent: /panelet-agent/,
  controller: /panelet-controller/,
  echo: /panelet-worker.*--panel=echo/,
  terminal: /panelet-worker.*--panel=terminal/,
} as const;

/** One of them. */
export type Program = keyof typeof programs;

/** The processes of a program in a pod. */
export function processesOf(program: Program, podUid: string): MachineProcess[] {
  return podProcesses(programs[program]).filter((found) => isOfPod(found, podUid));
}

/** Kills at once, as the machine's OOM killer would. @returns how many processes got it. */
export function killAll(processes: readonly MachineProcess[]): number {
  let killed = 0;
  for (const { pid } of processes) {
    try {
      process.kill(pid, 'SIGKILL');
      killed += 1;
    } catch {
      // It has ended by itself meanwhile.
    }
  }
  return killed;
}
