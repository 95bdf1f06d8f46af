import { fencingFault } from '#common/fencing-number.js';
import { PaneletError } from '#common/errors/errors.js';
import type { Command } from '#proto/gate/v1/gate.js';

/** Who sent a command: a controller, whose number counts, or somebody else who may drive the gate. */
export type CommandSender = 'controller' | 'operator';

/**
 * Remembers which controller commanded last, so that one that was replaced as leader is refused. What anybody else sends, people or
 * workers, is compared and never kept: nothing from below moves it.
 */
export interface Fencing {
  /**
   * Judges a command. A controller's higher number is stored before this resolves.
   * @returns the command with the number that is in force.
   * @throws PaneletError GATE_REFUSED when an older leader or an older attempt sent it, without a restart uid, or with a number that no
   * leader can have; STATE_DIR_UNUSABLE when the number cannot be stored.
   */
  check(command: Command | undefined, sender: CommandSender): Promise<Command>;
  /** Highest number of a controller; 0 before the first one. */
  highest(): number;
}

/** Where the number is kept, for every agent of the node: another one may be there for a while. */
export interface FencingStore {
  /** What was stored last, at the start. */
  readonly stored: number;
  /** What is stored now; undefined where that cannot be said. */
  readonly read: () => Promise<number | undefined>;
  /** Stores a number so that it outlives a crash. @throws PaneletError STATE_DIR_UNUSABLE */
  readonly save: (highest: number) => Promise<void>;
}

const rememberedRestarts = 256;

/** The memory of a node. */
export function createFencing(store: FencingStore): Fencing {
  let { stored } = store;
  let highest = stored;
  let saving = Promise.resolve();
  const generations = new Map<string, number>();
  const requireCurrent = ({ restartUid, fencing, generation }: Command): void => {
    if (fencing < highest) {
      throw refused(`The command has fencing number ${fencing}; ${highest} was seen. A newer leader is in charge.`);
    }
    const last = generations.get(restartUid) ?? 0;
    if (generation < last) {
      throw refused(`The command has generation ${generation}; ${last} was seen for this restart.`);
    }
  };
  const learn = async (): Promise<void> => {
    stored = (await store.read()) ?? stored;
    highest = Math.max(highest, stored);
  };
  const save = async (fencing: number): Promise<void> => {
    if (fencing <= stored) return;
    await store.save(fencing);
    stored = fencing;
  };
  const raise = async (fencing: number): Promise<void> => {
    // One after the other: they write the same file.
    const saved = saving.then(() => save(fencing));
    saving = saved.catch(() => undefined);
    await saved;
    highest = Math.max(highest, fencing);
  };
  return {
    highest: () => highest,
    check: async (command, sender) => {
      if (command === undefined || command.restartUid === '') throw refused('A gate command needs a restart uid.');
      const fault = fencingFault(command);
      if (fault !== undefined) throw refused(fault);
      await learn();
      requireCurrent(command);
      if (sender === 'operator') return { ...command, fencing: highest };
      // Also a number that is known here, where another agent has written a lower one over it.
      if (command.fencing > stored) await raise(command.fencing);
      // Another one may have come meanwhile.
      requireCurrent(command);
      generations.delete(command.restartUid);
      generations.set(command.restartUid, command.generation);
      const [oldest] = generations.keys();
      if (generations.size > rememberedRestarts && oldest !== undefined) generations.delete(oldest);
      return command;
    },
  };
}

function refused(message: string): PaneletError {
  return new PaneletError('GATE_REFUSED', message);
}
