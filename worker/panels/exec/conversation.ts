import { unreachable } from '#common/errors/errors.js';
import { Channel, type Exit, type FromPanel, type Output, type ToPanel } from '#proto/panel/v1/panel.js';
import type { PanelLimits } from './panel-limits.js';

/** Something of the client that the program has to read. */
export type ToRead = Extract<
  ToPanel['kind'],
  { readonly $case: 'input' | 'event' | 'resize' | 'signal' | 'endOfInput' }
>;

/**
 * How far a program is. `ended`: it said so, and all it had to say is said. `failed`: nothing is heard or said any more. `closed`: the same,
 * because somebody here has ended the session.
 */
export type ConversationPhase = 'opening' | 'running' | 'freezing' | 'frozen' | 'ended' | 'failed' | 'closed';

/** One conversation with the program of a session. Plain data. */
export interface Conversation {
  readonly phase: ConversationPhase;
  /** Bytes of input that may be sent. */
  readonly inputCredit: number;
  /** Bytes of output that the program may still send. */
  readonly outputCredit: number;
  /** Bytes of output that were taken, and whose credit was not given back yet. */
  readonly owedBytes: number;
  /** What the program is still to read, in order; of the first one a part may have been sent. */
  readonly pending: readonly ToRead[];
  /** True while an input is being written: there is one at a time, so that the program itself holds its client back. */
  readonly isWriting: boolean;
  /** Answers to Freeze that have not come; all but the last one are of freezes that were called off. */
  readonly frozenDue: number;
  /** The state that the program said when it came to rest. */
  readonly checkpoint: Uint8Array;
  /** How the process ended, where that is no failure yet: it is frozen, and its state is known. */
  readonly gone: string | undefined;
}

/** What happens to a conversation. */
export type ConversationEvent =
  | { readonly kind: 'message'; readonly message: FromPanel }
  | { readonly kind: 'input'; readonly input: ToRead }
  /** The input that was being written is written. */
  | { readonly kind: 'written' }
  /** The session takes more output. */
  | { readonly kind: 'writable' }
  | { readonly kind: 'freeze' }
  | { readonly kind: 'thaw' }
  | { readonly kind: 'close' }
  /** The process has ended, and everything it wrote was heard. */
  | { readonly kind: 'gone'; readonly how: string }
  /** What it is asked for has not come in time. */
  | { readonly kind: 'late' }
  /** What it sends is no message, or cannot be taken. */
  | { readonly kind: 'broken'; readonly problem: string };

/** What is to be done. */
export type ConversationEffect =
  | { readonly kind: 'send'; readonly message: NonNullable<ToPanel['kind']> }
  /** As `send`, and `written` is to follow. */
  | { readonly kind: 'sendInput'; readonly message: ToRead }
  | { readonly kind: 'output'; readonly channel: Channel; readonly data: Uint8Array }
  | { readonly kind: 'event'; readonly name: string; readonly payload: Buffer }
  | { readonly kind: 'end' }
  | { readonly kind: 'opened' }
  /** Every input is with the program, or in the state. */
  | { readonly kind: 'taken' }
  | { readonly kind: 'rested' }
  | { readonly kind: 'fail'; readonly problem: string };

/** A conversation after an event, and what is to be done in order. */
export interface ConversationStep {
  readonly state: Conversation;
  readonly effects: readonly ConversationEffect[];
}

/** A conversation that begins with Open or Restore, which is sent already. */
export function beginConversation(limits: PanelLimits, pending: readonly ToRead[] = []): Conversation {
  return {
    ...{ phase: 'opening', inputCredit: 0, outputCredit: limits.outputWindowBytes, owedBytes: 0, pending },
    ...{ isWriting: false, frozenDue: 0, checkpoint: new Uint8Array(), gone: undefined },
  };
}

/** One whose program has ended in an earlier process. */
export function endedConversation(limits: PanelLimits): Conversation {
  return { ...beginConversation(limits), phase: 'ended' };
}

/** True while a program that keeps the rules may say something. */
export function isHeard({ phase }: Conversation): boolean {
  return phase !== 'ended' && phase !== 'failed' && phase !== 'closed';
}

/** The next state, and what is to be done. Pure. */
export function converse(state: Conversation, event: ConversationEvent, limits: PanelLimits): ConversationStep {
  if (!isHeard(state)) return afterEnd(state, event);
  switch (event.kind) {
    case 'message':
      return onMessage(state, event.message, limits);
    case 'input':
      return flow({ ...state, pending: [...state.pending, event.input] }, limits);
    case 'written':
      return flow({ ...state, isWriting: false }, limits);
    case 'writable':
      return giveCredit(state, limits);
    case 'freeze':
      return freeze(state);
    case 'thaw':
      return thaw(state, limits);
    case 'close':
      return { state: { ...state, phase: 'closed' }, effects: [send('close', {}), taken, rested] };
    case 'gone':
      return state.phase === 'frozen'
        ? stay({ ...state, gone: event.how })
        : fail(state, `The program of the panel ended without a word, ${event.how}.`);
    case 'late':
      return onLate(state);
    case 'broken':
      return fail(state, event.problem);
    default:
      return unreachable(event);
  }
}

const taken: ConversationEffect = { kind: 'taken' };
const rested: ConversationEffect = { kind: 'rested' };

const stay = (state: Conversation, ...effects: readonly ConversationEffect[]): ConversationStep => ({ state, effects });

function send<C extends 'credit' | 'freeze' | 'thaw' | 'close'>(
  $case: C,
  value: Extract<ToPanel['kind'], { readonly $case: C }>['value'],
): ConversationEffect {
  return { kind: 'send', message: { $case, value } as NonNullable<ToPanel['kind']> };
}

function fail(state: Conversation, problem: string): ConversationStep {
  return stay({ ...state, phase: 'failed', pending: [] }, { kind: 'fail', problem }, taken, rested);
}

/** Nobody is there, or listens, any more: what asks for an answer gets one at once. */
function afterEnd(state: Conversation, event: ConversationEvent): ConversationStep {
  if (event.kind === 'input') return stay(state, taken);
  if (event.kind === 'freeze') return stay(state, rested);
  if (event.kind === 'close' && state.phase === 'ended') return stay({ ...state, phase: 'closed' }, send('close', {}));
  return stay(state);
}

/** Sends what may be sent. */
function flow(state: Conversation, limits: PanelLimits): ConversationStep {
  if (state.phase !== 'running' || state.isWriting) return stay(state);
  const [first, ...others] = state.pending;
  if (first === undefined) return stay(state, taken);
  if (first.$case !== 'input') {
    return stay({ ...state, pending: others, isWriting: true }, { kind: 'sendInput', message: first });
  }
  const { data, channel } = first.value;
  const size = Math.min(data.length, state.inputCredit, limits.maxDataBytes);
  if (size === 0 && data.length > 0) return stay(state);
  const part = (from: number, to?: number): ToRead => ({
    $case: 'input',
    value: { data: data.subarray(from, to), channel },
  });
  const pending = size === data.length ? others : [part(size), ...others];
  return stay(
    { ...state, pending, inputCredit: state.inputCredit - size, isWriting: true },
    { kind: 'sendInput', message: part(0, size) },
  );
}

/** Gives back what was taken, in pieces that are worth a message. */
function giveCredit(state: Conversation, limits: PanelLimits): ConversationStep {
  const bytes = state.owedBytes;
  if (bytes < limits.outputWindowBytes / 4 || state.phase === 'frozen') return stay(state);
  return stay({ ...state, owedBytes: 0, outputCredit: state.outputCredit + bytes }, send('credit', { bytes }));
}

function freeze(state: Conversation): ConversationStep {
  if (state.phase !== 'running') return stay(state);
  // What waits has no answer yet, so it is a part of the state.
  return stay({ ...state, phase: 'freezing', frozenDue: state.frozenDue + 1 }, send('freeze', {}), taken);
}

function thaw(state: Conversation, limits: PanelLimits): ConversationStep {
  if (state.phase !== 'frozen' && state.phase !== 'freezing') return stay(state);
  if (state.gone !== undefined)
    return fail(state, `The program of the panel ended while it was frozen, ${state.gone}.`);
  const { state: next, effects } = flow({ ...state, phase: 'running', checkpoint: new Uint8Array() }, limits);
  return { state: next, effects: [send('thaw', {}), ...effects] };
}

function onLate(state: Conversation): ConversationStep {
  if (state.phase === 'opening')
    return fail(state, 'The program of the panel did not say that the session is there in time.');
  if (state.phase === 'freezing') return fail(state, 'The program of the panel did not come to rest in time.');
  return stay(state);
}

function onMessage(state: Conversation, { kind }: FromPanel, limits: PanelLimits): ConversationStep {
  if (kind === undefined) return fail(state, 'The program of the panel sent a message that this worker does not know.');
  const { phase } = state;
  if (kind.$case === 'started' && phase === 'opening') return stay(state);
  if (phase === 'opening' && kind.$case !== 'opened' && kind.$case !== 'exit') {
    return fail(state, `The program of the panel sent "${kind.$case}" before "opened".`);
  }
  if (phase === 'frozen') return fail(state, `The program of the panel sent "${kind.$case}" while it was frozen.`);
  switch (kind.$case) {
    case 'started':
      return fail(state, 'The program of the panel sent "started" after "opened".');
    case 'opened':
      if (phase !== 'opening') return fail(state, 'The program of the panel sent "opened" twice.');
      return addCredit({ ...state, phase: 'running' }, kind.value.inputCredit, limits, { kind: 'opened' });
    case 'output':
      return onOutput(state, kind.value, limits);
    case 'event':
      return stay(state, { kind: 'event', name: kind.value.name, payload: kind.value.payload });
    case 'credit':
      return addCredit(state, kind.value.bytes, limits);
    case 'frozen':
      return onFrozen(state, kind.value.checkpoint, limits);
    case 'exit':
      return onExit(state, kind.value);
    default:
      return unreachable(kind);
  }
}

function addCredit(
  state: Conversation,
  bytes: number,
  limits: PanelLimits,
  ...first: readonly ConversationEffect[]
): ConversationStep {
  const inputCredit = Math.min(state.inputCredit + bytes, Number.MAX_SAFE_INTEGER);
  const step = flow({ ...state, inputCredit }, limits);
  // A credit that moves nothing is no news for who waits.
  const effects = state.pending.length > 0 ? step.effects : [];
  return { state: step.state, effects: [...first, ...effects] };
}

function onOutput(state: Conversation, { data, channel }: Output, limits: PanelLimits): ConversationStep {
  if (data.length > limits.maxDataBytes) {
    return fail(
      state,
      `The program of the panel sent ${data.length} bytes at once; at most ${limits.maxDataBytes} are allowed.`,
    );
  }
  if (data.length > state.outputCredit)
    return fail(state, 'The program of the panel sent more output than it has credit for.');
  const to = channel === Channel.UNSPECIFIED ? Channel.STDOUT : channel;
  if (to !== Channel.STDOUT && to !== Channel.STDERR && to !== Channel.CONTROL) {
    return fail(state, 'The program of the panel sent output on a channel that is none for output.');
  }
  return stay(
    {
      ...state,
      outputCredit: state.outputCredit - data.length,
      owedBytes: state.owedBytes + data.length,
    },
    { kind: 'output', channel: to, data },
  );
}

function onFrozen(state: Conversation, checkpoint: Uint8Array, limits: PanelLimits): ConversationStep {
  if (state.frozenDue === 0) return fail(state, 'The program of the panel sent "frozen" and was not asked to.');
  if (checkpoint.length > limits.maxCheckpointBytes) {
    return fail(
      state,
      `The state of the program has ${checkpoint.length} bytes; at most ${limits.maxCheckpointBytes} are kept.`,
    );
  }
  const frozenDue = state.frozenDue - 1;
  if (frozenDue > 0 || state.phase !== 'freezing') return stay({ ...state, frozenDue });
  return stay({ ...state, phase: 'frozen', frozenDue, checkpoint }, rested);
}

const longestFailure = 1024;

function onExit(state: Conversation, { failure }: Exit): ConversationStep {
  if (failure !== '') return fail(state, failure.slice(0, longestFailure));
  if (state.phase === 'opening') return fail(state, 'The program of the panel ended the session before it was there.');
  return stay({ ...state, phase: 'ended', pending: [] }, { kind: 'end' }, taken, rested);
}
