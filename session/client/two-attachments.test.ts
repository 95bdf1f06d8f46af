import { describe, expect, test } from '@jest/globals';
import {
  Channel,
  DetachReason,
  DrainPhase,
  ResumeOutcome,
  SessionFate,
  type Frames,
  type Welcome,
} from '#proto/session/v1/session.js';
import type { ClientEffect, ClientLink } from './client-link.js';
import { arrive, meet, readText, talk, talkClient, talkWorker } from '../model/conversation.js';
import { supersededMessage } from '../messages/detach-message.js';
import { overTheWire } from '../model/wire-end.js';
import type { WorkerLink } from '../worker/worker-link.js';

const cut = { kind: 'transport' } as const;

function opened(): { client: ClientLink; worker: WorkerLink } {
  const client = talkClient('a', { takesMoves: true });
  const worker = talkWorker();
  meet({ client, worker, attachment: 'n1', view: undefined });
  talk(client, worker, 'n1');
  return { client, worker };
}

function say(link: { endpoint: ClientLink['endpoint'] }, text: string, channel = Channel.STDOUT): void {
  link.endpoint.writeData(channel, Buffer.from(text));
}

function takeAll(client: ClientLink, answers: readonly Frames[], nonce: string): ClientEffect[] {
  return answers.flatMap((answer) => client.receive(answer, nonce));
}

function withWelcome(answers: readonly Frames[], change: Partial<Welcome>): Frames[] {
  return answers.map((answer) => ({
    ...answer,
    frames: answer.frames.map((frame) =>
      frame.kind?.$case === 'welcome'
        ? { ...frame, kind: { $case: 'welcome' as const, value: { ...frame.kind.value, ...change } } }
        : frame,
    ),
  }));
}

describe('a client that opens the next attachment', () => {
  test('says that its cursors are lower bounds, and goes on over the current one until the welcome', () => {
    const { client, worker } = opened();
    const hello = client.hello('n2', { moves: true });
    const kind = hello.frames[0]?.kind;
    expect(kind?.$case === 'hello' && kind.value).toMatchObject({ moves: true, capabilities: ['snapshot', 'move'] });
    expect(client.attachedAs).toBe('n1');
    say(client, 'in', Channel.STDIN);
    say(worker, 'out');
    talk(client, worker, 'n1');
    expect(readText(worker.endpoint)).toBe('in');
    expect(readText(client.endpoint)).toBe('out');

    const effects = takeAll(client, arrive({ worker, attachment: 'n2' }, hello), 'n2');
    expect(effects).toMatchObject([{ kind: 'welcomed', reset: false, moved: true, attachEpoch: 2 }]);
    expect(client.attachedAs).toBe('n2');
    say(client, 'more', Channel.STDIN);
    say(worker, 'again');
    expect(talk(client, worker, 'n2')).toEqual([]);
    expect(readText(worker.endpoint)).toBe('more');
    expect(readText(client.endpoint)).toBe('again');
  });

  test('says none of it where no attachment is there to go on', () => {
    const client = talkClient('a');
    const kind = client.hello('n1', { moves: true }).frames[0]?.kind;
    expect(kind?.$case === 'hello' && kind.value).toMatchObject({ moves: false, capabilities: ['snapshot'] });
  });

  test('takes what is under way over the one before, once, and says over the next one what was lost with it', () => {
    const { client, worker } = opened();
    const hello = client.hello('n2', { moves: true });
    say(worker, 'ab');
    const late = overTheWire(worker.pull('n1', true)!);
    say(client, 'xy', Channel.STDIN);
    client.endpoint.pull(true);
    const answers = arrive({ worker, attachment: 'n2' }, hello);
    say(worker, 'cd');
    takeAll(client, answers, 'n2');
    client.receive(late, 'n1');
    client.receive(supersededMessage('n2', ''), 'n1');
    client.receive(overTheWire(worker.pull('n2', true)!), 'n2');
    talk(client, worker, 'n2');
    expect(client.ended({ kind: 'ok' }, 'n1')).toBeUndefined();
    expect(readText(client.endpoint)).toBe('abcd');
    expect(readText(worker.endpoint)).toBe('xy');
    expect(client.endpoint.duplicates).toBe(1);
  });

  test('takes nothing over the one before that the welcome does not know: neither output nor an acknowledgement', () => {
    const { client, worker } = opened();
    say(client, 'in', Channel.STDIN);
    const answers = arrive({ worker, attachment: 'n2' }, client.hello('n2', { moves: true }));
    takeAll(client, answers, 'n2');
    const data = {
      $case: 'data' as const,
      value: { channel: Channel.STDOUT, payload: Buffer.from('of another life') },
    };
    client.endpoint.pull(true);
    expect(client.receive({ ack: 1, credit: 1000, frames: [{ seq: 1, kind: data }] }, 'n1')).toEqual([]);
    expect(readText(client.endpoint)).toBe('');
    expect(client.endpoint.unackedCount()).toBe(1);
  });

  test('is told its credit over the current one as well, in case the hello never arrives', () => {
    const { client, worker } = opened();
    say(worker, 'x'.repeat(48));
    talk(client, worker, 'n1');
    readText(client.endpoint);
    client.hello('n2', { moves: true });
    client.ended(cut, 'n2');
    expect(client.endpoint.ackUrgency()).toBe('now');
    say(worker, 'y'.repeat(48));
    talk(client, worker, 'n1');
    expect(readText(client.endpoint)).toBe('y'.repeat(48));
  });

  test('goes on over the current one when the next one is refused or cut', () => {
    const { client, worker } = opened();
    client.hello('n2', { moves: true });
    expect(client.ended({ kind: 'refused', code: 'WORKER_UNAVAILABLE', message: '' }, 'n2')).toBeUndefined();
    client.hello('n3', { moves: true });
    expect(client.ended(cut, 'n3')).toBeUndefined();
    expect(client.attachedAs).toBe('n1');
    say(client, 'on', Channel.STDIN);
    talk(client, worker, 'n1');
    expect(readText(worker.endpoint)).toBe('on');
  });

  test('waits for the next one when the current one ends', () => {
    const { client, worker } = opened();
    const hello = client.hello('n2', { moves: true });
    expect(client.ended(cut, 'n1')).toBeUndefined();
    expect(client.attached).toBe(false);
    const effects = takeAll(client, arrive({ worker, attachment: 'n2' }, hello), 'n2');
    expect(effects).toMatchObject([{ kind: 'welcomed', moved: false }]);
    expect(client.attachedAs).toBe('n2');
  });

  test('gives both up for an attachment that is not beside them', () => {
    const { client, worker } = opened();
    client.hello('n2', { moves: true });
    const hello = client.hello('n3');
    expect(client.attached).toBe(false);
    say(worker, 'x');
    expect(client.receive(worker.pull('n1', true)!, 'n1')).toEqual([]);
    expect(client.ended(cut, 'n1')).toBeUndefined();
    expect(client.ended(cut, 'n2')).toBeUndefined();
    takeAll(client, arrive({ worker, attachment: 'n3' }, hello), 'n3');
    talk(client, worker, 'n3');
    expect(readText(client.endpoint)).toBe('x');
  });

  test('drops what is under way over the one before when numbering starts again', () => {
    const { client, worker } = opened();
    say(worker, 'old');
    const late = worker.pull('n1', true)!;
    const view = { ...worker.view(), life: { kind: 'crashed', afterCrash: 'fresh' } } as const;
    const fresh = talkWorker(2);
    say(fresh, 'new');
    const answers = arrive({ worker: fresh, attachment: 'n2', view }, client.hello('n2', { moves: true }));
    expect(takeAll(client, answers, 'n2')).toMatchObject([{ kind: 'welcomed', reset: true }, { kind: 'lost' }]);
    expect(client.receive(late, 'n1')).toEqual([]);
    talk(client, fresh, 'n2');
    expect(readText(client.endpoint)).toBe('new');
  });
});

describe('the end of both attachments', () => {
  const ready = {
    generation: 1,
    phase: DrainPhase.READY,
    remaining: undefined,
    reason: 'upgrade',
    fate: SessionFate.KEPT,
    node: 'node-b',
    retryAfter: undefined,
  };

  test('without an answer for the next one is what the current one has said', () => {
    const { client, worker } = opened();
    client.hello('n2', { moves: true });
    client.receive(worker.drainMessage(ready), 'n1');
    client.ended({ kind: 'ok' }, 'n1');
    expect(client.ended(cut, 'n2')).toEqual({ kind: 'reattach', afterMs: 0, backoff: false, node: 'node-b' });
  });

  test('with a refusal of the next one is what that says', () => {
    const { client } = opened();
    client.hello('n2', { moves: true });
    client.ended(cut, 'n1');
    const refused = { kind: 'refused', code: 'WORKER_UNAVAILABLE', message: '', retryAfterMs: 300 } as const;
    expect(client.ended(refused, 'n2')).toMatchObject({ kind: 'reattach', afterMs: 300 });
    client.hello('n3', { moves: true });
    expect(client.ended({ kind: 'refused', code: 'SESSION_ENDED', message: '' }, 'n3')).toMatchObject({
      kind: 'ended',
    });
  });

  test.each([cut, { kind: 'refused', code: 'WORKER_UNAVAILABLE', message: '' } as const])(
    'is final where the current one has said so, with the next one $kind',
    (end) => {
      const { client, worker } = opened();
      client.hello('n2', { moves: true });
      client.receive(worker.detachMessage(DetachReason.REVOKED, 'why'), 'n1');
      client.ended({ kind: 'ok' }, 'n1');
      expect(client.ended(end, 'n2')).toEqual({ kind: 'failed', code: 'IDENTITY_REFUSED', message: 'why' });
    },
  );
});

describe('a client that is superseded', () => {
  test('by its own next attachment, whose welcome never comes, tries again', () => {
    const { client, worker } = opened();
    arrive({ worker, attachment: 'n2' }, client.hello('n2', { moves: true }));
    client.receive(supersededMessage('n2', ''), 'n1');
    expect(client.ended({ kind: 'ok' }, 'n1')).toBeUndefined();
    expect(client.ended(cut, 'n2')).toMatchObject({ kind: 'reattach' });
    expect(meet({ client, worker, attachment: 'n3' })).toMatchObject([{ kind: 'welcomed', reset: false }]);
  });

  test('by an earlier attempt of its own that an agent held back tries again', () => {
    const { client } = opened();
    client.ended(cut);
    client.hello('n2');
    client.ended(cut);
    client.hello('n3');
    client.receive(talkWelcome(client), 'n3');
    client.receive(supersededMessage('n2', ''), 'n3');
    expect(client.ended({ kind: 'ok' })).toMatchObject({ kind: 'reattach' });
  });

  test('by another client stops, also while its next attachment is under way', () => {
    const { client } = opened();
    client.hello('n2', { moves: true });
    client.receive(supersededMessage('somebody', 'why'), 'n1');
    expect(client.ended({ kind: 'ok' }, 'n1')).toBeUndefined();
    const refused = { kind: 'refused', code: 'ATTACH_SUPERSEDED', message: 'why' } as const;
    expect(client.ended(refused, 'n2')).toEqual({ kind: 'superseded', message: 'why' });
  });

  test('and is not told by whom tries once more for each attempt without an answer, and without takeover', () => {
    const { client, worker } = opened();
    client.hello('n2', { moves: true });
    client.ended(cut, 'n2');
    client.receive(supersededMessage('', ''), 'n1');
    expect(client.ended({ kind: 'ok' }, 'n1')).toMatchObject({ kind: 'reattach' });
    meet({ client, worker, attachment: 'n3' });
    client.receive(supersededMessage('', ''), 'n3');
    expect(client.ended({ kind: 'ok' }, 'n3')).toMatchObject({ kind: 'superseded' });
  });
});

describe('a welcome of the next attachment', () => {
  test.each<[string, Partial<Welcome>]>([
    ['expects input that was never numbered', { nextRx: 9 }],
    ['has lost input that was acknowledged', { nextRx: 1 }],
    ['has lost output that has arrived', { txNext: 1 }],
    ['has not kept output that is due', { txBase: 7, txNext: 9 }],
  ])('which %s is not gone on from', (_, change) => {
    const { client, worker } = opened();
    say(client, 'in', Channel.STDIN);
    say(worker, 'out');
    talk(client, worker, 'n1');
    const answers = arrive({ worker, attachment: 'n2' }, client.hello('n2', { moves: true }));
    const before = client.endpoint.save();
    expect(() => takeAll(client, withWelcome(answers, change), 'n2')).toThrow(
      expect.objectContaining({ code: 'SESSION_LOST' }),
    );
    expect(client.endpoint.save()).toEqual(before);
    const refused = { kind: 'refused', code: 'SESSION_LOST', message: '' } as const;
    expect(client.ended(refused, 'n2')).toMatchObject({ kind: 'failed', code: 'SESSION_LOST' });
    expect(client.attached).toBe(false);
  });
});

test('a wish to move is told once for each generation', () => {
  const { client, worker } = opened();
  const wish = (generation: number): ClientEffect[] => {
    const reattach = { pod: 'panelet-agent-x', uid: '1', address: '10.0.0.7:7443' };
    const value = { generation, reattach, within: undefined };
    return [...client.receive(overTheWire(worker.endpoint.wrap([{ seq: 0, kind: { $case: 'move', value } }])))];
  };
  expect(wish(1)).toMatchObject([{ kind: 'move', move: { generation: 1, reattach: { address: '10.0.0.7:7443' } } }]);
  expect(wish(1)).toEqual([]);
  expect(wish(2)).toHaveLength(1);
});

/** The answer of a worker that has let a client in which has sent and received nothing. */
function talkWelcome(client: ClientLink): Frames {
  const worker = talkWorker(client.incarnation);
  const stranger = talkClient('a');
  const [answer] = arrive({ worker, attachment: 'n', view: undefined }, stranger.hello('n'));
  return withWelcome([answer!], { outcome: ResumeOutcome.EXACT })[0]!;
}
