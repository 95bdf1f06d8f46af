import { messageOf } from '#common/errors/errors.js';
import type { PaneletSession } from '../../session/panelet-session.js';
import type { CliWorld } from '../io/cli-world.js';
import type { AgentAccess } from './agent-access.js';
import type { ResumeStore } from './resume-store.js';

/** What the resume file of a session is kept with. */
export interface KeepSaved {
  readonly store: ResumeStore;
  readonly world: Pick<CliWorld, 'clock' | 'stderr'>;
  /** How the session is reached again. */
  readonly way: AgentAccess['way'];
}

/** Keeps the resume file of a session current. @returns a function that gives it free, and waits for that. */
export function keepSaved(
  session: PaneletSession,
  { store, world, way }: KeepSaved,
): (isTakenOver: boolean) => Promise<void> {
  let writing = Promise.resolve();
  let heldBy: number | undefined = process.pid;
  const save = (): void => {
    const savedAt = world.clock.date().toISOString();
    writing = writing.then(() => store.save({ version: 1, ...session.resumeState(), ...way, savedAt, heldBy }));
    // Without the file everything works but a later --resume.
    writing = writing.catch((error: unknown) => {
      world.stderr.write(`panelet: this session cannot be resumed later: ${messageOf(error)}\n`);
    });
  };
  save();
  session.on('resumed', save);
  session.on('moved', save);
  return (isTakenOver) => {
    heldBy = undefined;
    // Whoever took the session over has written his own.
    if (!isTakenOver) save();
    return writing;
  };
}
