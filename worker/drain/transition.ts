import { unreachable } from '#common/errors/errors.js';
import { fencingFault } from '#common/fencing-number.js';
import type {
  DrainEffect,
  DrainEvent,
  DrainFacts,
  DrainPlan,
  DrainRules,
  DrainState,
  Fence,
  GatePhase,
} from './state.js';
import { firstWave, nextWave, waveDueMs } from './waves.js';

/** Outcome of one event. */
export interface Transition {
  readonly state: DrainState;
  readonly effects: readonly DrainEffect[];
  /** Set when the command was refused; nothing changed then. */
  readonly refusal?: string | undefined;
}

// Time kept back from the deadline, so that a stuck session does not cost the others their checkpoints.
const reserveShare = 0.2;
const maxReserveMs = 2_000;
// Share of the whole time that the notice may take.
const noticeShare = 0.5;
// Time that what cannot be ended any more, as its checkpoint is being used, gets after each try to force it.
const afterForceMs = 100;
// Share of what is left from the end of the notice until the policy applies that moving sessions may take.
const givingShare = 0.5;
// Share of the time until the policy applies that acknowledgements may take: the rest is for writing down.
const quiesceShare = 0.25;

/** The next state of a gate; pure. `observe` takes one step at most: repeat it until nothing changes. */
export function transition(state: DrainState, event: DrainEvent, nowMs: number, rules: DrainRules): Transition {
  switch (event.kind) {
    case 'cordon':
      return cordon(state, event, nowMs);
    case 'uncordon':
      return uncordon(state, event, nowMs);
    case 'drain':
      return drain(state, event, nowMs);
    case 'end-notice':
      return endNotice(state, event.fence, nowMs);
    case 'retire':
      return retire(state, event.fence);
    case 'expire':
      return expire(state, event, nowMs);
    case 'terminate':
      return terminate(state, event, nowMs, rules);
    case 'observe':
      return observe(state, event.facts, nowMs, rules);
    default:
      return unreachable(event);
  }
}

/** When time alone changes the state next, in milliseconds of the clock; undefined for never. */
export function nextDueMs(state: DrainState, rules: DrainRules): number | undefined {
  const due: number[] = [];
  const { plan } = state;
  if (state.cordon !== undefined && !state.terminating) due.push(state.cordon.leaseUntilMs);
  if (plan !== undefined) {
    const waits = plan.onTimeout === 'wait';
    if (state.phase === 'NOTIFIED' && rules.checkpointable) due.push(plan.noticeUntilMs);
    if (state.phase === 'NOTIFIED' && !rules.checkpointable && !waits) due.push(plan.policyAtMs);
    if (state.phase === 'FROZEN' && !waits) due.push(plan.policyAtMs);
    if (state.wave !== undefined) due.push(waveDueMs(state.wave) ?? Infinity);
    if (state.phase === 'QUIESCED') due.push(quiescedUntilMs(state, plan, rules));
    if (state.phase === 'CHECKPOINTED' && !waits) due.push(sealedUntilMs(state, plan, rules));
    if (state.phase === 'RELEASED') due.push(state.sinceMs + rules.releaseMs);
  }
  const first = Math.min(...due);
  return Number.isFinite(first) ? first : undefined;
}

/** Whether a notice may end before its time: nobody would use what is left of it. */
export function isIdle(facts: DrainFacts, rules: DrainRules): boolean {
  return facts.sessions === 0 || (rules.checkpointable && facts.busy === 0 && facts.giving === 0);
}

const unchanged = (state: DrainState): Transition => ({ state, effects: [] });

function enter(state: DrainState, phase: GatePhase, nowMs: number, effects: readonly DrainEffect[]): Transition {
  return { state: { ...state, phase, sinceMs: nowMs, wave: undefined }, effects };
}

function freeze(state: DrainState, nowMs: number): Transition {
  const frozen = enter(state, 'FROZEN', nowMs, [{ kind: 'freeze', who: 'moving' }]);
  return { ...frozen, state: { ...frozen.state, wave: firstWave(nowMs) } };
}

function quiescedUntilMs({ sinceMs }: DrainState, plan: DrainPlan, rules: DrainRules): number {
  return sinceMs + Math.min(rules.quiesceMs, Math.max(0, plan.policyAtMs - sinceMs) * quiesceShare);
}

// Beyond the deadline, too: or forcing and sealing would follow each other without end.
function sealedUntilMs({ sinceMs }: DrainState, plan: DrainPlan, rules: DrainRules): number {
  return Math.max(Math.min(sinceMs + rules.sealMs, plan.deadlineMs), sinceMs + afterForceMs);
}

function refusalOf(state: DrainState, fence: Fence): string | undefined {
  const refusal = fencingRefusalOf(state, fence);
  if (refusal !== undefined) return refusal;
  const { cordon } = state;
  if (cordon === undefined || cordon.isOwn === true || cordon.fence.restartUid === fence.restartUid) return undefined;
  return `Restart ${cordon.fence.restartUid} has the cordon.`;
}

function fencingRefusalOf(state: DrainState, fence: Fence): string | undefined {
  if (fence.restartUid === '') return 'The command names no restart.';
  const fault = fencingFault(fence);
  if (fault !== undefined) return fault;
  if (fence.fencing < state.highestFencing) {
    return `Fencing number ${fence.fencing} is behind ${state.highestFencing}: another controller has taken over.`;
  }
  const last = state.lastFence;
  if (last?.restartUid === fence.restartUid && fence.generation < last.generation) {
    return `Generation ${fence.generation} of restart ${fence.restartUid} is behind ${last.generation}.`;
  }
  return undefined;
}

function accept(
  state: DrainState,
  event: { fence: Fence; leaseMs: number; reason: string },
  nowMs: number,
): DrainState {
  const { fence } = event;
  const leaseUntilMs = state.terminating ? Infinity : nowMs + event.leaseMs;
  return {
    ...state,
    highestFencing: Math.max(state.highestFencing, fence.fencing),
    lastFence: fence,
    cordon: { fence, reason: event.reason === '' ? (state.cordon?.reason ?? '') : event.reason, leaseUntilMs },
  };
}

function cordon(state: DrainState, event: Extract<DrainEvent, { kind: 'cordon' }>, nowMs: number): Transition {
  const refusal = refusalOf(state, event.fence);
  if (refusal !== undefined) return { ...unchanged(state), refusal };
  const accepted = accept(state, event, nowMs);
  if (isOwnEnd(state)) return { state: accepted, effects: [{ kind: 'receipt' }] };
  return state.phase === 'SERVING' ? enter(accepted, 'CORDONED', nowMs, [{ kind: 'refuse-new' }]) : unchanged(accepted);
}

/** What the worker has ended itself is over: its receipt is that of the restart which takes it over. */
function isOwnEnd({ cordon, phase }: DrainState): boolean {
  return cordon?.isOwn === true && phase === 'CLOSED';
}

function uncordon(state: DrainState, event: Extract<DrainEvent, { kind: 'uncordon' }>, nowMs: number): Transition {
  const refuse = (refusal: string): Transition => ({ ...unchanged(state), refusal });
  if (state.terminating) return refuse('The worker is shutting down.');
  const refusal = event.anyRestart ? undefined : refusalOf(state, event.fence);
  if (refusal !== undefined) return refuse(refusal);
  return state.phase === 'SERVING' ? unchanged(state) : reopen(state, 'The restart was called off.', nowMs);
}

function reopen(state: DrainState, reason: string, nowMs: number): Transition {
  const drained = state.plan !== undefined;
  const open: DrainState = { ...state, cordon: undefined, plan: undefined };
  return enter(open, 'SERVING', nowMs, [
    ...(drained ? [{ kind: 'reopen', reason } as const] : []),
    { kind: 'admit-new' },
  ]);
}

function planOf(
  state: DrainState,
  event: { noticeMs: number; holdsNotice: boolean; timeoutMs: number } & Pick<DrainPlan, 'onTimeout' | 'leavingAgent'>,
  nowMs: number,
): DrainPlan {
  const deadlineMs = nowMs + event.timeoutMs;
  const policyAtMs = deadlineMs - Math.min(maxReserveMs, event.timeoutMs * reserveShare);
  // Whoever holds a notice ends it, and has other workers to wait for.
  const heldMs = event.onTimeout === 'wait' ? Infinity : policyAtMs - nowMs;
  const longestNoticeMs = event.holdsNotice ? heldMs : event.timeoutMs * noticeShare;
  return {
    serial: state.drains + 1,
    startedMs: nowMs,
    noticeUntilMs: nowMs + Math.min(event.noticeMs, longestNoticeMs),
    holdsNotice: event.holdsNotice,
    policyAtMs,
    deadlineMs,
    onTimeout: event.onTimeout,
    leavingAgent: event.leavingAgent,
  };
}

function begin(state: DrainState, plan: DrainPlan, nowMs: number): Transition {
  const planned = { ...state, plan, drains: plan.serial };
  return enter(planned, 'NOTIFIED', nowMs, [{ kind: 'refuse-new' }, { kind: 'notice' }]);
}

function drain(state: DrainState, event: Extract<DrainEvent, { kind: 'drain' }>, nowMs: number): Transition {
  const refusal = refusalOf(state, event.fence);
  if (refusal !== undefined) return { ...unchanged(state), refusal };
  const accepted = accept(state, event, nowMs);
  const asked = planOf(state, event, nowMs);
  if (state.plan === undefined) return begin(accepted, asked, nowMs);
  if (isOwnEnd(state)) return { state: accepted, effects: [{ kind: 'receipt' }] };
  const before = state.lastFence;
  const newer =
    before === undefined || event.fence.fencing > before.fencing || event.fence.generation > before.generation;
  const plan: DrainPlan = {
    ...state.plan,
    noticeUntilMs: Math.min(state.plan.noticeUntilMs, asked.noticeUntilMs),
    holdsNotice: state.plan.holdsNotice && asked.holdsNotice,
    leavingAgent: state.plan.leavingAgent ?? asked.leavingAgent,
  };
  if (!newer || state.terminating) return unchanged({ ...accepted, plan });
  const { deadlineMs, policyAtMs, onTimeout } = asked;
  return unchanged({ ...accepted, plan: { ...plan, deadlineMs, policyAtMs, onTimeout } });
}

// Only what is under way: a drain that was called off meanwhile must not begin again, nor its lease.
function endNotice(state: DrainState, fence: Fence, nowMs: number): Transition {
  const { plan } = state;
  const refusal =
    refusalOf(state, fence) ?? (plan === undefined ? 'The restart has no drain under way here.' : undefined);
  if (plan === undefined || refusal !== undefined) return { ...unchanged(state), refusal };
  return unchanged({ ...state, plan: { ...plan, noticeUntilMs: Math.min(plan.noticeUntilMs, nowMs) } });
}

// Whoever has the cordon: it goes on with what it has to do.
function retire(state: DrainState, fence: Fence): Transition {
  const refusal = fencingRefusalOf(state, fence);
  if (refusal !== undefined) return { ...unchanged(state), refusal };
  const highestFencing = Math.max(state.highestFencing, fence.fencing);
  return { state: { ...state, highestFencing }, effects: [{ kind: 'refuse-new' }] };
}

const ownUid = 'retired';

function expire(
  state: DrainState,
  { timeoutMs, reason }: Extract<DrainEvent, { kind: 'expire' }>,
  nowMs: number,
): Transition {
  if (state.plan !== undefined || state.terminating) return unchanged(state);
  const fence = { restartUid: ownUid, fencing: state.highestFencing, generation: 0 };
  const cordon = state.cordon ?? { fence, reason, leaseUntilMs: Infinity, isOwn: true };
  const plan = planOf(state, { noticeMs: 0, holdsNotice: false, timeoutMs, onTimeout: 'force' }, nowMs);
  return begin({ ...state, cordon }, plan, nowMs);
}

function terminate(
  state: DrainState,
  event: Extract<DrainEvent, { kind: 'terminate' }>,
  nowMs: number,
  rules: DrainRules,
): Transition {
  const graceMs = state.terminating ? Math.min(event.graceMs, rules.hurryMs) : event.graceMs;
  const own = { restartUid: event.restartUid, fencing: state.highestFencing, generation: 0 };
  const before = state.cordon ?? { fence: own, reason: 'The worker is shutting down.' };
  const ending: DrainState = { ...state, terminating: true, cordon: { ...before, leaseUntilMs: Infinity } };
  const short = planOf(state, { noticeMs: 0, holdsNotice: false, timeoutMs: graceMs, onTimeout: 'force' }, nowMs);
  if (state.plan === undefined) return begin(ending, short, nowMs);
  return unchanged({
    ...ending,
    plan: {
      ...state.plan,
      noticeUntilMs: Math.min(state.plan.noticeUntilMs, nowMs),
      policyAtMs: Math.min(state.plan.policyAtMs, short.policyAtMs),
      deadlineMs: Math.min(state.plan.deadlineMs, short.deadlineMs),
      onTimeout: 'force',
    },
  });
}

function observe(state: DrainState, facts: DrainFacts, nowMs: number, rules: DrainRules): Transition {
  if (state.cordon !== undefined && !state.terminating && nowMs >= state.cordon.leaseUntilMs) {
    return reopen(state, 'The lease of the cordon ran out.', nowMs);
  }
  return state.plan === undefined ? unchanged(state) : advance(state, state.plan, { facts, nowMs, rules });
}

interface Observed {
  readonly facts: DrainFacts;
  readonly nowMs: number;
  readonly rules: DrainRules;
}

function advance(state: DrainState, plan: DrainPlan, observed: Observed): Transition {
  const { facts, nowMs, rules } = observed;
  switch (state.phase) {
    case 'NOTIFIED': {
      const isHeld = rules.checkpointable && plan.holdsNotice;
      if (plan.givesUntilMs !== undefined && facts.giving === 0) return freeze(state, nowMs);
      const isOver = rules.checkpointable && nowMs >= plan.noticeUntilMs;
      if (isOver && facts.giving > 0 && plan.givesUntilMs === undefined) return goOnGiving(state, plan, nowMs);
      if (isOver || (!isHeld && isIdle(facts, rules))) return freeze(state, nowMs);
      return rules.checkpointable || nowMs < plan.policyAtMs ? unchanged(state) : late(state, plan, 'all', nowMs);
    }
    case 'FROZEN':
      return bringToRest(state, plan, observed);
    case 'QUIESCED':
      if (facts.unflushed > 0 && nowMs < quiescedUntilMs(state, plan, rules)) return unchanged(state);
      return enter(state, 'CHECKPOINTED', nowMs, [{ kind: 'seal' }]);
    case 'FORCED':
      return enter(state, 'CHECKPOINTED', nowMs, [{ kind: 'seal' }]);
    case 'CHECKPOINTED': {
      if (facts.unsealed === 0) return enter(state, 'RELEASED', nowMs, [{ kind: 'release' }]);
      return nowMs < sealedUntilMs(state, plan, rules) ? unchanged(state) : late(state, plan, 'unsealed', nowMs);
    }
    case 'RELEASED':
      if (facts.attached > 0 && nowMs < state.sinceMs + rules.releaseMs) return unchanged(state);
      return enter(state, 'CLOSED', nowMs, [{ kind: 'receipt' }]);
    case 'SERVING':
    case 'CORDONED':
    case 'CLOSED':
      return unchanged(state);
    default:
      return unreachable(state.phase);
  }
}

/** Sessions that move are not paused, so they are waited for; what is left then is written down. */
function goOnGiving(state: DrainState, plan: DrainPlan, nowMs: number): Transition {
  const givesUntilMs = nowMs + Math.max(0, plan.policyAtMs - nowMs) * givingShare;
  return unchanged({ ...state, plan: { ...plan, noticeUntilMs: givesUntilMs, givesUntilMs } });
}

function bringToRest(state: DrainState, plan: DrainPlan, { facts, nowMs }: Observed): Transition {
  const before = state.wave ?? firstWave(state.sinceMs);
  const lastMs = plan.onTimeout === 'wait' ? Infinity : plan.policyAtMs;
  const { wave, effects } = nextWave(before, facts, { nowMs, lastMs });
  if (wave === undefined) return enter(state, 'QUIESCED', nowMs, [{ kind: 'flush' }]);
  if (nowMs >= lastMs) return late(state, plan, 'restless', nowMs);
  return { state: wave === before ? state : { ...state, wave }, effects };
}

const lateReasons = {
  all: 'It cannot be written down and did not end in time.',
  restless: 'It did not come to rest in time.',
  unsealed: 'Its checkpoint was not on storage in time.',
} as const;

function late(state: DrainState, plan: DrainPlan, who: keyof typeof lateReasons, nowMs: number): Transition {
  if (plan.onTimeout === 'force') {
    return enter(state, 'FORCED', nowMs, [{ kind: 'force', who, reason: lateReasons[who] }]);
  }
  return plan.onTimeout === 'wait' ? unchanged(state) : reopen(state, 'The drain did not end in time.', nowMs);
}
