import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Channel, type FromPanel } from '#proto/panel/v1/panel.js';
import {
  beginConversation,
  converse,
  isHeard,
  type Conversation,
  type ConversationEffect,
  type ConversationEvent,
  type ToRead,
} from './conversation.js';
import { decodeExecState, encodeExecState, execStateOf } from './exec-state.js';
import { defaultPanelLimits } from './panel-limits.js';

const limits = { ...defaultPanelLimits, outputWindowBytes: 400, maxDataBytes: 100, maxCheckpointBytes: 1000 };
const input = (text: string): ToRead => ({
  $case: 'input',
  value: { data: Buffer.from(text), channel: Channel.UNSPECIFIED },
});
const says = (kind: NonNullable<FromPanel['kind']>): ConversationEvent => ({ kind: 'message', message: { kind } });
const opened = (inputCredit: number): ConversationEvent => says({ $case: 'opened', value: { inputCredit } });
const output = (size: number, channel = Channel.UNSPECIFIED): ConversationEvent =>
  says({ $case: 'output', value: { data: Buffer.alloc(size), channel } });
const frozen = (text = ''): ConversationEvent => says({ $case: 'frozen', value: { checkpoint: Buffer.from(text) } });
const exit = (failure = ''): ConversationEvent => says({ $case: 'exit', value: { failure } });

/** Says everything in order. @returns the last state and all effects */
function talk(
  events: readonly ConversationEvent[],
  from: Conversation = beginConversation(limits),
): { readonly state: Conversation; readonly effects: readonly ConversationEffect[] } {
  let state = from;
  const all: ConversationEffect[] = [];
  for (const event of events) {
    const step = converse(state, event, limits);
    state = step.state;
    all.push(...step.effects);
  }
  return { state, effects: all };
}
const sent = (effects: readonly ConversationEffect[]): string =>
  effects
    .flatMap((effect) =>
      effect.kind === 'sendInput' && effect.message.$case === 'input' ? [effect.message.value.data.toString()] : [],
    )
    .join('');
const problem = (events: readonly ConversationEvent[]): string =>
  talk(events)
    .effects.flatMap((effect) => (effect.kind === 'fail' ? [effect.problem] : []))
    .join('|');

describe('a conversation with a program', () => {
  test('sends input within the credit that was given, one piece at a time', () => {
    const first = talk([opened(3), { kind: 'input', input: input('hello') }]);
    expect(sent(first.effects)).toBe('hel');
    expect(first.effects.some(({ kind }) => kind === 'taken')).toBe(false);
    const credit = says({ $case: 'credit', value: { bytes: 100 } });
    const second = talk([credit, { kind: 'written' }], first.state);
    expect(sent(second.effects)).toBe('lo');
    expect(talk([{ kind: 'written' }], second.state).effects).toEqual([{ kind: 'taken' }]);
  });

  test('keeps order: an event waits for the bytes before it', () => {
    const event: ToRead = { $case: 'event', value: { name: 'e', payload: Buffer.alloc(0) } };
    const { state } = talk([
      opened(1),
      { kind: 'input', input: input('ab') },
      { kind: 'input', input: event },
      { kind: 'written' },
    ]);
    expect(state.pending.map(({ $case }) => $case)).toEqual(['input', 'event']);
  });

  test('gives credit back in pieces, and only while the session takes output', () => {
    expect(talk([opened(0), output(99), { kind: 'writable' }]).effects.at(-1)?.kind).toBe('output');
    const { state, effects } = talk([opened(0), output(99), output(1), { kind: 'writable' }]);
    expect(effects.at(-1)).toEqual({ kind: 'send', message: { $case: 'credit', value: { bytes: 100 } } });
    expect(state).toMatchObject({ outputCredit: 400, owedBytes: 0 });
  });

  test('what a freeze leaves unread is a part of the state, and is read after it', () => {
    const { state, effects } = talk([
      opened(2),
      { kind: 'input', input: input('abcd') },
      { kind: 'written' },
      { kind: 'freeze' },
      frozen('state'),
    ]);
    expect(effects.slice(-2)).toEqual([{ kind: 'taken' }, { kind: 'rested' }]);
    const kept = decodeExecState(encodeExecState(execStateOf(state)));
    expect(kept).toEqual({ kind: 'alive', checkpoint: Buffer.from('state'), pending: [input('cd')] });
    const pending = kept.kind === 'alive' ? kept.pending : [];
    expect(sent(talk([opened(10)], beginConversation(limits, pending)).effects)).toBe('cd');
    expect(sent(talk([{ kind: 'thaw' }, says({ $case: 'credit', value: { bytes: 9 } })], state).effects)).toBe('cd');
  });

  test('takes the answer of the last freeze only', () => {
    const { state } = talk([opened(0), { kind: 'freeze' }, { kind: 'thaw' }, { kind: 'freeze' }, frozen('old')]);
    expect([state.phase, state.frozenDue]).toEqual(['freezing', 1]);
    expect(talk([output(5), frozen('new')], state).state).toMatchObject({
      phase: 'frozen',
      checkpoint: Buffer.from('new'),
    });
  });

  test('a program that ends while it is frozen has said its state, and cannot go on', () => {
    const { state } = talk([opened(0), { kind: 'freeze' }, frozen('x'), { kind: 'gone', how: 'by SIGTERM' }]);
    expect(execStateOf(state)).toMatchObject({ kind: 'alive' });
    expect(talk([{ kind: 'thaw' }], state).effects[0]).toEqual({
      kind: 'fail',
      problem: 'The program of the panel ended while it was frozen, by SIGTERM.',
    });
  });

  test('that says it is over takes everything, and is at rest', () => {
    const { state, effects } = talk([
      opened(0),
      { kind: 'input', input: input('x') },
      exit(),
      { kind: 'gone', how: '' },
    ]);
    expect(effects.slice(-3)).toEqual([{ kind: 'end' }, { kind: 'taken' }, { kind: 'rested' }]);
    expect(talk([{ kind: 'freeze' }, { kind: 'input', input: input('y') }], state).effects).toEqual([
      { kind: 'rested' },
      { kind: 'taken' },
    ]);
    expect(decodeExecState(encodeExecState(execStateOf(state)))).toEqual({ kind: 'ended' });
  });

  test.each<[string, readonly ConversationEvent[], RegExp]>([
    ['output before it is there', [output(1)], /"output" before "opened"/],
    ['to be there twice', [opened(1), opened(1)], /"opened" twice/],
    ['to be up too late', [opened(1), says({ $case: 'started', value: {} })], /"started" after "opened"/],
    ['more than it has credit for', [opened(1), ...Array.from({ length: 5 }, () => output(100))], /more output than/],
    ['too much at once', [opened(1), output(101)], /101 bytes at once; at most 100/],
    ['output as input', [opened(1), output(1, Channel.STDIN)], /channel that is none/],
    ['to be frozen without a wish', [opened(1), frozen()], /was not asked to/],
    ['something while frozen', [opened(1), { kind: 'freeze' }, frozen(), output(0)], /"output" while it was frozen/],
    [
      'a state that is too large',
      [opened(1), { kind: 'freeze' }, frozen('x'.repeat(1001))],
      /1001 bytes; at most 1000/,
    ],
    ['nothing that is known', [{ kind: 'message', message: { kind: undefined } }], /does not know/],
    ['to be over before it began', [exit()], /before it was there/],
    ['why it failed', [opened(1), exit('No more paper.')], /^No more paper\.$/],
    ['nothing, and ends', [opened(1), { kind: 'gone', how: 'with exit code 3' }], /without a word, with exit code 3/],
    ['nothing in time at the beginning', [{ kind: 'late' }], /is there in time/],
    ['nothing in time at a freeze', [opened(1), { kind: 'freeze' }, { kind: 'late' }], /come to rest in time/],
  ])('ends with a sentence for one that says %s', (_what, events, expected) => {
    expect(problem(events)).toMatch(expected);
    expect(isHeard(talk(events).state)).toBe(false);
  });

  const event = fc.oneof(
    fc.constantFrom<ConversationEvent>(
      ...[{ kind: 'written' } as const, { kind: 'writable' } as const, { kind: 'freeze' } as const],
      ...[
        { kind: 'thaw' } as const,
        { kind: 'close' } as const,
        { kind: 'late' } as const,
        opened(0),
        frozen('s'),
        exit(),
      ],
    ),
    fc.nat(120).map((size) => output(size)),
    fc.nat(50).map((bytes) => says({ $case: 'credit', value: { bytes } })),
    fc.string({ maxLength: 20 }).map((text): ConversationEvent => ({ kind: 'input', input: input(text) })),
  );

  test('says at most one failure, and never sends more than the credit, whatever happens', () => {
    fc.assert(
      fc.property(fc.nat(30), fc.array(event, { maxLength: 40 }), (credit, events) => {
        const { effects, state } = talk([opened(credit), ...events]);
        const given = events.reduce(
          (sum, said) =>
            said.kind === 'message' && said.message.kind?.$case === 'credit'
              ? sum + said.message.kind.value.bytes
              : sum,
          credit,
        );
        expect(Buffer.from(sent(effects)).length).toBeLessThanOrEqual(given);
        expect(effects.filter(({ kind }) => kind === 'fail').length).toBeLessThanOrEqual(1);
        const taken = effects.reduce((sum, effect) => (effect.kind === 'output' ? sum + effect.data.length : sum), 0);
        const back = effects.reduce(
          (sum, effect) =>
            effect.kind === 'send' && effect.message.$case === 'credit' ? sum + effect.message.value.bytes : sum,
          0,
        );
        expect(state.outputCredit + taken).toBe(limits.outputWindowBytes + back);
      }),
    );
  });
});
