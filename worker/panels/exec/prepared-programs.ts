import type { ComingSession } from '../../panel/panel.js';
import type { StartedProgram } from './start-program.js';

/** Programs of sessions that are about to move here. */
export interface PreparedPrograms {
  /** Starts one, where there is none. Resolves when it is up. @throws what starting throws */
  prepare(coming: ComingSession): Promise<void>;
  /** The one of a session; whoever takes it ends it. @returns undefined where there is none that lives */
  take(sessionId: string): Promise<StartedProgram | undefined>;
}

/** One that nobody takes ends after this time, in milliseconds. */
const keptMs = 10_000;

/** None yet. */
export function createPreparedPrograms(start: (coming: ComingSession) => Promise<StartedProgram>): PreparedPrograms {
  const kept = new Map<string, Promise<StartedProgram>>();
  const keep = (coming: ComingSession): Promise<StartedProgram> => {
    const { sessionId, clock } = coming;
    const starting = start(coming);
    kept.set(sessionId, starting);
    const drop = (): void => {
      if (kept.get(sessionId) !== starting) return;
      kept.delete(sessionId);
      starting.then((program) => program.end(0)).catch(() => undefined);
    };
    clock.after(keptMs, drop);
    starting.catch(drop);
    return starting;
  };
  return {
    prepare: async (coming) => {
      const program = await (kept.get(coming.sessionId) ?? keep(coming));
      await program.up;
    },
    take: async (sessionId) => {
      const starting = kept.get(sessionId);
      kept.delete(sessionId);
      const program = await starting?.catch(() => undefined);
      if (program?.isGone !== true) return program;
      await program.end(0);
      return undefined;
    },
  };
}
