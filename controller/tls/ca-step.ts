import { unreachable } from '#common/errors/errors.js';
import type { Clock } from '#common/time/clock.js';
import type { Random } from '#common/random.js';

import { createAuthority } from './authority.js';
import type { CaRecord, CaStep, CaTimes } from './ca-plan.js';

/** What steps need. */
export interface CaStepDeps {
  readonly times: CaTimes;
  readonly clock: Clock;
  readonly random: Random;
}

/** The record as it is once a step of the plan is done; makes the authority that the step asks for. */
export async function afterStep(
  deps: CaStepDeps,
  record: CaRecord,
  step: Exclude<CaStep, { kind: 'keep' }>,
): Promise<CaRecord> {
  const { times, clock } = deps;
  const nowMs = clock.date().getTime();
  const { active, next, asked, observed } = record;
  const heard = asked === undefined ? {} : { asked, observed: asked };
  const same = { ...(asked === undefined ? {} : { asked }), ...(observed === undefined ? {} : { observed }) };
  switch (step.kind) {
    case 'create':
      return { ...heard, active: await createAuthority(deps, times.authorityMs) };
    case 'announce':
      return { ...record, ...heard, next: await createAuthority(deps, times.authorityMs) };
    case 'publish':
      return { ...record, publishedMs: nowMs };
    case 'switch': {
      const previous = active === undefined || nowMs >= active.notAfterMs ? {} : { previous: active.certificate };
      return { ...same, ...(next === undefined ? {} : { active: next }), ...previous, switchedMs: nowMs };
    }
    case 'retire':
      return { ...same, ...(active === undefined ? {} : { active }) };
    default:
      return unreachable(step);
  }
}
