import type { Command, GateStatus } from '#proto/gate/v1/gate.js';

/**
 * A command as a worker takes it: with the number that the worker knows, should that be higher. The agent is who fences a node;
 * a worker that somebody told a number holds up nobody by it.
 */
export function commandTo<C extends Command | undefined>(known: GateStatus, command: C): C {
  if (command === undefined || command.fencing >= known.fencing) return command;
  return { ...command, fencing: known.fencing };
}
