import { PaneletError } from '#common/errors.js';
import type { Command } from '#proto/gate/v1/gate.js';

/** Remembers who commanded last, so that somebody who was replaced as leader is refused. */
export interface Fencing {
  /**
   * Takes note of a command.
   * @throws PaneletError GATE_REFUSED when an older leader or an older attempt sent it, or without a restart uid.
   */
  check(command: Command | undefined): Command;
  /** Takes note of a number that a worker has seen. */
  observe(fencing: number): void;
  /** Highest number seen. */
  highest(): number;
}

const rememberedRestarts = 256;

/** A memory without commands. */
export function createFencing(): Fencing {
  let highest = 0;
  const generations = new Map<string, number>();
  return {
    highest: () => highest,
    observe: (fencing) => {
      highest = Math.max(highest, fencing);
    },
    check: (command) => {
      if (command === undefined || command.restartUid === '') {
        throw new PaneletError('GATE_REFUSED', 'A gate command needs a restart uid.');
      }
      if (command.fencing < highest) {
        const message = `The command has fencing number ${command.fencing}; ${highest} was seen. A newer leader is in charge.`;
        throw new PaneletError('GATE_REFUSED', message);
      }
      const generation = generations.get(command.restartUid) ?? 0;
      if (command.generation < generation) {
        const message = `The command has generation ${command.generation}; ${generation} was seen for this restart.`;
        throw new PaneletError('GATE_REFUSED', message);
      }
      highest = command.fencing;
      generations.delete(command.restartUid);
      generations.set(command.restartUid, command.generation);
      const [oldest] = generations.keys();
      if (generations.size > rememberedRestarts && oldest !== undefined) generations.delete(oldest);
      return command;
    },
  };
}
