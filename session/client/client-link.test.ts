import { describe, expect, test } from '@jest/globals';
import { msToDuration } from '#common/time/duration.js';
import {
  AttachMode,
  Channel,
  DetachReason,
  DrainPhase,
  ResumeOutcome,
  SessionFate,
  type Drain,
  type Frame,
} from '#proto/session/v1/session.js';
import type { AttachmentEnd, ClientLink } from './client-link.js';
import { meet, readText, talk, talkClient, talkWorker } from '../model/conversation.js';
import { supersededMessage } from '../messages/detach-message.js';
import { overTheWire, tinyLimits } from '../model/wire-end.js';
import type { WorkerLink } from '../worker/worker-link.js';

function opened(): { client: ClientLink; worker: WorkerLink } {
  const client = talkClient('a');
  const worker = talkWorker();
  meet({ client, worker, attachment: 'n1', view: undefined });
  talk(client, worker, 'n1');
  return { client, worker };
}

function write(link: { endpoint: ClientLink['endpoint'] }, text: string, channel = Channel.STDOUT): void {
  link.endpoint.writeData(channel, Buffer.from(text));
}

function unnumbered(kind: Frame['kind']): Frame {
  return { seq: 0, kind };
}

const drain: Drain = {
  generation: 1,
  phase: DrainPhase.NOTICE,
  remaining: undefined,
  reason: 'upgrade',
  fate: SessionFate.CHECKPOINTED,
  node: 'node-b',
  retryAfter: msToDuration(20),
};

describe('opening', () => {
  test('is welcomed, and then sends what was written before', () => {
    const client = talkClient('a');
    const worker = talkWorker();
    write(client, 'early', Channel.STDIN);
    const effects = meet({ client, worker, attachment: 'n1', view: undefined });
    expect(effects).toEqual([
      expect.objectContaining({
        kind: 'welcomed',
        outcome: ResumeOutcome.NEW,
        incarnation: 1,
        attachEpoch: 1,
        node: 'node-a',
        resumeTtlMs: 900_000,
        reset: false,
        leftover: [],
      }),
    ]);
    expect(client.attached).toBe(true);
    talk(client, worker, 'n1');
    expect(readText(worker.endpoint)).toBe('early');
  });

  test('twice, when the first welcome was lost, opens once', () => {
    const client = talkClient('a');
    const worker = talkWorker();
    const lostLink = talkClient('a');
    meet({ client: lostLink, worker, attachment: 'n1', view: undefined });
    write(client, 'x', Channel.STDIN);
    const effects = meet({ client, worker, attachment: 'n2' });
    expect(effects).toMatchObject([{ kind: 'welcomed', outcome: ResumeOutcome.EXACT, reset: false }]);
    talk(client, worker, 'n2');
    expect(readText(worker.endpoint)).toBe('x');
  });

  test('sends nothing before the welcome', () => {
    const client = talkClient('a');
    write(client, 'x', Channel.STDIN);
    client.hello('n1');
    expect(client.endpoint.pull(true)).toBeUndefined();
    expect(client.attached).toBe(false);
  });
});

describe('resuming', () => {
  test('repeats what the worker did not get and takes what the client did not get', () => {
    const { client, worker } = opened();
    write(client, 'lost on the way', Channel.STDIN);
    client.endpoint.pull(true);
    write(worker, 'unheard');
    worker.pull('n1', true);
    expect(client.ended({ kind: 'transport' })).toEqual({ kind: 'reattach', afterMs: 0, backoff: true, node: '' });
    const effects = meet({ client, worker, attachment: 'n2' });
    expect(effects).toMatchObject([{ kind: 'welcomed', outcome: ResumeOutcome.EXACT, attachEpoch: 2, reset: false }]);
    talk(client, worker, 'n2');
    expect(readText(worker.endpoint)).toBe('lost on the way');
    expect(readText(client.endpoint)).toBe('unheard');
  });

  test('after a crash says what is lost, hands over what was received, and goes on in the new life', () => {
    const { client, worker } = opened();
    write(client, 'one', Channel.STDIN);
    write(worker, 'received');
    talk(client, worker, 'n1');
    write(client, 'two', Channel.STDIN);
    client.ended({ kind: 'transport' });
    const fresh = talkWorker(2);
    const view = { ...worker.view(), life: { kind: 'crashed', afterCrash: 'fresh' } } as const;
    const effects = meet({ client, worker: fresh, attachment: 'n2', view });
    expect(effects).toMatchObject([
      {
        kind: 'welcomed',
        outcome: ResumeOutcome.ROLLED_BACK,
        incarnation: 2,
        reset: true,
        leftover: [{ kind: 'data', seq: 1 }],
      },
      {
        kind: 'lost',
        loss: {
          incarnation: 1,
          input: { from: 1, through: 2 },
          output: { from: 2, through: undefined },
          code: 'WORKER_CRASHED',
        },
      },
    ]);
    write(client, 'three', Channel.STDIN);
    write(fresh, 'anew');
    expect(talk(client, fresh, 'n2')).toEqual([]);
    expect(readText(fresh.endpoint)).toBe('three');
    expect(readText(client.endpoint)).toBe('anew');
  });

  test('where the session is gone, and a new one was asked for in that case, says that all is lost', () => {
    const client = talkClient('a', { mode: AttachMode.OPEN_OR_RESUME });
    const worker = talkWorker();
    meet({ client, worker, attachment: 'n1', view: undefined });
    write(client, 'x', Channel.STDIN);
    talk(client, worker, 'n1');
    client.ended({ kind: 'transport' });
    const effects = meet({ client, worker: talkWorker(), attachment: 'n2', view: undefined });
    expect(effects).toMatchObject([
      { kind: 'welcomed', outcome: ResumeOutcome.NEW, reset: true },
      { kind: 'lost', loss: { incarnation: 1, input: { from: 1, through: 1 } } },
    ]);
    expect(effects.length).toBe(2);
  });

  test('never goes on when the worker has lost acknowledged input', () => {
    const { client, worker } = opened();
    write(client, 'x', Channel.STDIN);
    talk(client, worker, 'n1');
    const welcome = meet({ client, worker, attachment: 'n2' });
    expect(welcome).toHaveLength(1);
    const stale = talkWorker();
    client.ended({ kind: 'transport' });
    expect(() => meet({ client, worker: stale, attachment: 'n3', view: { ...worker.view() } })).toThrow(
      expect.objectContaining({ code: 'SESSION_LOST' }),
    );
    expect(client.attached).toBe(false);
  });
});

describe('taking over', () => {
  test('continues the numbers of the client before, says what is not kept, and takes over once only', () => {
    const { client, worker } = opened();
    write(client, 'abc', Channel.STDIN);
    write(worker, 'seen by the first');
    talk(client, worker, 'n1');
    write(worker, 'kept');
    const second = talkClient('b', { mode: AttachMode.RESUME, takeover: true, resumeToken: client.resumeToken });
    write(second, 'def', Channel.STDIN);
    const effects = meet({ client: second, worker, attachment: 'n2' });
    expect(effects).toMatchObject([
      { kind: 'welcomed', outcome: ResumeOutcome.EXACT, reset: false },
      { kind: 'lost', loss: { input: undefined, output: { from: 1, through: 2 }, code: 'REPLAY_PASSED' } },
    ]);
    talk(second, worker, 'n2');
    expect(readText(worker.endpoint)).toBe('abcdef');
    expect(readText(second.endpoint)).toBe('kept');
    const again = second.hello('n3').frames[0]?.kind;
    expect(again?.$case === 'hello' && again.value.takeover).toBe(false);
  });

  test('takes what a worker of the release before sends at once, by the credit of the client before', () => {
    const { client, worker } = opened();
    for (let sent = 0; sent < 4 * tinyLimits.windowBytes; sent += 10) {
      write(worker, '0123456789');
      talk(client, worker, 'n1');
      readText(client.endpoint);
    }
    const { creditReceived } = worker.endpoint.save();
    write(worker, 'kept');
    const second = talkClient('b', { mode: AttachMode.RESUME, takeover: true, resumeToken: client.resumeToken });
    meet({ client: second, worker, attachment: 'n2' });
    worker.endpoint.receive({ ack: 0, credit: creditReceived, frames: [] });
    second.receive(overTheWire(worker.pull('n2', false)!));
    expect(readText(second.endpoint)).toBe('kept');
  });

  test('gets a picture instead of the output before it, in one piece, and events after it', () => {
    const { client, worker } = opened();
    write(worker, 'seen by the first');
    talk(client, worker, 'n1');
    write(worker, 'in the picture');
    worker.endpoint.writeEvent({ kind: { $case: 'exitStatus', value: { code: 3, signal: '' } } });
    worker.endpoint.writeFin();
    const second = talkClient('b', { mode: AttachMode.RESUME, takeover: true, resumeToken: client.resumeToken });
    const picture = { contentType: 'text/plain', bytes: Buffer.from('a picture in several chunks') };
    const effects = meet({ client: second, worker, attachment: 'n2', snapshot: () => picture });
    expect(effects).toMatchObject([
      { kind: 'welcomed' },
      { kind: 'snapshot', throughSeq: 3, contentType: 'text/plain', bytes: picture.bytes },
    ]);
    talk(second, worker, 'n2');
    expect(readText(second.endpoint)).toBe('<event><fin>');
    talk(second, worker, 'n2');
    expect(worker.endpoint.unackedCount()).toBe(0);
  });

  test('of a session whose input has ended says that nothing more can be written', () => {
    const { client, worker } = opened();
    client.endpoint.writeFin();
    talk(client, worker, 'n1');
    const second = talkClient('b', { mode: AttachMode.RESUME, takeover: true, resumeToken: client.resumeToken });
    write(second, 'too late', Channel.STDIN);
    const effects = meet({ client: second, worker, attachment: 'n2' });
    expect(effects[1]).toMatchObject({ kind: 'lost', loss: { code: 'INPUT_ENDED', input: { from: 1, through: 1 } } });
  });

  test('of a session whose input has ended still tells its window, and gives signals', () => {
    const { client, worker } = opened();
    client.endpoint.writeFin();
    talk(client, worker, 'n1');
    expect(readText(worker.endpoint)).toBe('<fin>');
    const second = talkClient('b', { mode: AttachMode.RESUME, takeover: true, resumeToken: client.resumeToken });
    second.endpoint.writeEvent({ kind: { $case: 'resize', value: { rows: 30, cols: 100 } } });
    const effects = meet({ client: second, worker, attachment: 'n2' });
    expect(effects).toMatchObject([{ kind: 'welcomed' }]);
    talk(second, worker, 'n2');
    expect(readText(worker.endpoint)).toBe('<event>');
    expect(() => write(second, 'more', Channel.STDIN)).toThrow(expect.objectContaining({ code: 'OPERATION_REFUSED' }));
  });
});

describe('frames that are not numbered', () => {
  test('report a drain once per phase', () => {
    const { client, worker } = opened();
    const receive = (phase: DrainPhase): unknown[] => [...client.receive(worker.drainMessage({ ...drain, phase }))];
    expect(receive(DrainPhase.NOTICE)).toMatchObject([{ kind: 'drain', drain: { reason: 'upgrade' } }]);
    expect(receive(DrainPhase.NOTICE)).toEqual([]);
    expect(receive(DrainPhase.FREEZE)).toHaveLength(1);
    expect(receive(DrainPhase.CANCELLED)).toHaveLength(1);
  });

  test('answer a ping and report a pong', () => {
    const { client, worker } = opened();
    const [answer] = client.receive(worker.endpoint.wrap([unnumbered({ $case: 'ping', value: { nonce: 9 } })]));
    expect(answer).toMatchObject({
      kind: 'send',
      message: { frames: [{ kind: { $case: 'pong', value: { nonce: 9 } } }] },
    });
    const reply = worker.receive('n1', overTheWire(client.ping(7)))?.reply;
    expect(client.receive(reply!)).toEqual([{ kind: 'pong', nonce: 7 }]);
  });

  test('that have no place here are refused', () => {
    const { client, worker } = opened();
    const hello = client.hello('n9').frames;
    expect(() => client.receive({ ack: 0, credit: 0, frames: [] })).toThrow(
      expect.objectContaining({ code: 'FRAME_INVALID' }),
    );
    meet({ client, worker, attachment: 'n2' });
    expect(() => client.receive({ ack: 0, credit: 0, frames: hello })).toThrow(
      expect.objectContaining({ code: 'FRAME_INVALID' }),
    );
  });

  test('throw an unfinished snapshot away with its attachment, and refuse one without end', () => {
    const { client, worker } = opened();
    const chunk = (sizeBytes: number, last: boolean): Frame[] => [
      unnumbered({
        $case: 'snapshot',
        value: { throughSeq: 0, contentType: 'x', chunk: Buffer.alloc(sizeBytes, 1), last, dataBytes: 0 },
      }),
    ];
    expect(client.receive({ ack: 0, credit: 0, frames: chunk(3, false) })).toEqual([]);
    client.ended({ kind: 'transport' });
    meet({ client, worker, attachment: 'n2' });
    const [picture] = client.receive({ ack: 0, credit: 0, frames: chunk(2, true) });
    expect(picture?.kind === 'snapshot' && picture.bytes.length).toBe(2);
    const flood = (): void => {
      for (let count = 0; count < 100_000; count += 1) client.receive({ ack: 0, credit: 0, frames: chunk(160, false) });
    };
    expect(flood).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }));
  });
});

describe('the end of an attachment', () => {
  const after = (
    end: AttachmentEnd,
    prepare: (client: ClientLink, worker: WorkerLink) => void = () => undefined,
  ): unknown => {
    const { client, worker } = opened();
    prepare(client, worker);
    return client.ended(end);
  };
  const detached =
    (reason: DetachReason) =>
    (client: ClientLink, worker: WorkerLink): void =>
      void client.receive(worker.detachMessage(reason, 'why'));
  const supersededBy =
    (nonce: string) =>
    (client: ClientLink): void =>
      void client.receive(supersededMessage(nonce, 'why'));

  test('after a drain is ready means re-attach where and when it says', () => {
    const ready = (client: ClientLink, worker: WorkerLink): void =>
      void client.receive(worker.drainMessage({ ...drain, phase: DrainPhase.READY }));
    const expected = { kind: 'reattach', afterMs: 20, backoff: false, node: 'node-b' };
    expect(after({ kind: 'ok' }, ready)).toEqual(expected);
    expect(after({ kind: 'transport' }, ready)).toEqual(expected);
  });

  test('without a word means re-attach with backoff', () => {
    expect(after({ kind: 'ok' })).toMatchObject({ kind: 'reattach', backoff: true });
    expect(after({ kind: 'ok' }, detached(DetachReason.IDLE))).toMatchObject({ kind: 'reattach' });
  });

  test('by another client, or as a stale attempt, means stop', () => {
    expect(after({ kind: 'ok' }, supersededBy('somebody'))).toEqual({ kind: 'superseded', message: 'why' });
    expect(after({ kind: 'ok' }, supersededBy(''))).toEqual({ kind: 'superseded', message: 'why' });
    expect(after({ kind: 'refused', code: 'FENCED', message: 'm' })).toEqual({ kind: 'superseded', message: 'm' });
    expect(after({ kind: 'refused', code: 'ATTACH_SUPERSEDED', message: 'm' })).toMatchObject({ kind: 'superseded' });
  });

  test('by an agent whose caller has lost the right means stop, with the reason', () => {
    const failed = { kind: 'failed', code: 'IDENTITY_REFUSED', message: 'why' };
    expect(after({ kind: 'ok' }, detached(DetachReason.REVOKED))).toEqual(failed);
    expect(after({ kind: 'transport' }, detached(DetachReason.REVOKED))).toEqual(failed);
  });

  test('of the session is its end', () => {
    expect(after({ kind: 'ok' }, detached(DetachReason.ENDED))).toMatchObject({ kind: 'ended', code: undefined });
    expect(after({ kind: 'refused', code: 'SESSION_UNKNOWN', message: 'm' })).toMatchObject({ kind: 'ended' });
  });

  test('by a refusal that may pass means try again, not before the worker allows it', () => {
    expect(after({ kind: 'refused', code: 'WORKER_UNAVAILABLE', message: 'm', retryAfterMs: 300 })).toEqual({
      kind: 'reattach',
      afterMs: 300,
      backoff: true,
      node: '',
    });
  });

  test('by a refusal that will not pass means that it failed', () => {
    expect(after({ kind: 'refused', code: 'SESSION_LOST', message: 'm' })).toMatchObject({ kind: 'failed' });
    const stranger = talkClient('a');
    stranger.hello('n1');
    expect(stranger.ended({ kind: 'refused', code: 'SESSION_UNKNOWN', message: 'm' })).toMatchObject({
      kind: 'failed',
    });
    expect(stranger.ended({ kind: 'refused', code: 'CORDONED', message: 'm' })).toMatchObject({ kind: 'reattach' });
  });

  test('asked for by the client is heard by the worker', () => {
    const { client, worker } = opened();
    expect(worker.receive('n1', overTheWire(client.leave()))).toMatchObject({ leaves: true, frames: [] });
  });
});
