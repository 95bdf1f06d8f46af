import type { PaneletSession } from '../../session/panelet-session.js';
import type { CliWorld } from '../io/cli-world.js';
import { endOrLeave } from './end-or-leave.js';

/** The time that a command may take. */
export interface TimeLimit {
  /** The command has ended, or was left. @returns whether its time was over before */
  stop(): 'over' | 'kept';
}

// As long as a program gets that is asked to end (SIGTERM), before the session is closed with everything in it.
const graceMs = 5_000;

/** Ends a session's program when it takes longer than `limitMs`: SIGTERM first. Without a limit it does nothing. */
export function startTimeLimit(session: PaneletSession, limitMs: number | undefined, world: CliWorld): TimeLimit {
  const { clock, stderr } = world;
  if (limitMs === undefined) return { stop: () => 'kept' };
  let isOver = false;
  const terminate = (): void => {
    isOver = true;
    stderr.write(`panelet: the command took longer than ${limitMs / 1000} s and is ended\n`);
    // A session that is over says so where its output is read.
    session.signal('SIGTERM').catch(() => undefined);
    timer = clock.after(graceMs, () => void endOrLeave(session));
  };
  let timer = clock.after(limitMs, terminate);
  return {
    stop: () => {
      timer.stop();
      return isOver ? 'over' : 'kept';
    },
  };
}
