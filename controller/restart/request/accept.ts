import { isPaneletError } from '#common/errors/errors.js';

import { keyOf } from '#kube/api.js';
import type { DaemonSet } from '#kube/objects.js';
import type { RestartAudit } from '../report/audit.js';
import type { Request } from './annotation-request.js';
import type { TargetWriter } from './target-writer.js';
import type { PanelRestart } from '../api/panel-restart.js';

/** What asks for restarts of a target, and where at the target it is written what came of it. */
export interface Source {
  readonly request: Request;
  /** Annotation that says what was taken up last. */
  readonly observedAnnotation: string;
  /** Annotations that say what was wrong, to be taken back when nothing is. */
  readonly complaints: readonly string[];
  /** What a restart was made for, to be written down as taken up; undefined when this source did not make it. */
  readonly observedOf: (made: PanelRestart) => string | undefined;
  /** Says that nothing comes of it, and why. */
  readonly refuse: (message: string) => Promise<void>;
}

/** What taking up is made of. */
export interface AcceptDeps {
  readonly writer: TargetWriter;
  readonly audit: RestartAudit;
}

/**
 * Makes the restart that a source asks for. First the restart is made, under a name that follows from the request, then it
 * is written down as taken up: never two for one.
 * @throws PaneletError when the API server cannot be asked; trying again makes the same object.
 */
export async function accept({ writer, audit }: AcceptDeps, target: DaemonSet, source: Source): Promise<void> {
  const { request, observedAnnotation, complaints, refuse } = source;
  const takenBack = Object.fromEntries(complaints.map((name) => [name, null]));
  if (request.kind === 'none') return complaints.length === 0 ? undefined : writer.annotate(target, takenBack);
  if (request.kind === 'wrong') return refuse(request.message);
  let made: PanelRestart;
  try {
    made = await writer.make(request.restart);
  } catch (error) {
    if (!isPaneletError(error, 'API_REFUSED')) throw error;
    return refuse(error.message);
  }
  const observed = source.observedOf(made);
  if (observed === undefined) {
    return refuse(`PanelRestart ${keyOf(made)} is in the way and was not made by this controller; delete it.`);
  }
  await writer.annotate(target, { [observedAnnotation]: observed, ...takenBack });
  audit.requested(made);
}
