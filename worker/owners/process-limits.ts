import type { ProcessLimits } from './launch-command.js';

/**
 * Limits that a process without capabilities can set: those wished for, or the hard limits of this one if these are lower.
 * @param limits text of /proc/self/limits
 */
export function processLimits(wished: ProcessLimits, limits: string): ProcessLimits {
  const hard = (name: string): number => {
    const found = new RegExp(`^${name}\\s+\\S+\\s+(\\d+)`, 'm').exec(limits)?.[1];
    return found === undefined ? Infinity : Number(found);
  };
  return {
    openFiles: Math.min(wished.openFiles, hard('Max open files')),
    processes: Math.min(wished.processes, hard('Max processes')),
  };
}
