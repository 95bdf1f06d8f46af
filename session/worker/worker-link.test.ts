import { describe, expect, test } from '@jest/globals';
import { AttachMode, Channel, DetachReason } from '#proto/session/v1/session.js';
import {
  arrive,
  meet,
  readText,
  talk,
  talkClient,
  talkIdentity,
  talkOptions,
  talkWorker,
} from '../model/conversation.js';
import { overTheWire, resizeFrame, tinyLimits } from '../model/wire-end.js';
import { supersededMessage } from '../messages/detach-message.js';
import { sealBytes, unsealBytes } from '../codec/sealed-bytes.js';
import { decodeWorkerLinkState, encodeWorkerLinkState, sealedView } from './worker-link-codec.js';
import { restoreWorkerLink } from './worker-link.js';

/** What became of an attempt. */
function attempt(run: () => void): string {
  try {
    run();
    return 'let in';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('an attachment', () => {
  test('is the only one whose messages are taken', () => {
    const worker = talkWorker();
    const client = talkClient('a');
    meet({ client, worker, attachment: 'n1', view: undefined });
    client.endpoint.writeData(Channel.STDIN, Buffer.from('x'));
    const late = overTheWire(client.endpoint.pull(true)!);
    meet({ client, worker, attachment: 'n2' });
    expect(worker.receive('n1', late)).toBeUndefined();
    expect(worker.pull('n1', true)).toBeUndefined();
    worker.detach('n1');
    expect(worker.attachment).toBe('n2');
    worker.detach('n2');
    expect(worker.attachment).toBeUndefined();
    expect(worker.endpoint.unreadCount()).toBe(0);
  });

  test('is confirmed by whatever the client says after its hello', () => {
    const worker = talkWorker();
    const client = talkClient('a');
    meet({ client, worker, attachment: 'n1', view: undefined });
    expect(worker.view()).toMatchObject({ attachEpoch: 1, confirmedEpoch: 0 });
    talk(client, worker, 'n1');
    expect(worker.view()).toMatchObject({ attachEpoch: 1, confirmedEpoch: 1, clientId: 'a', attachNonce: 'n1' });
  });

  test('may be tried again with the old token as often as its welcome is lost, and not after it was heard', () => {
    const worker = talkWorker();
    const client = talkClient('a');
    meet({ client, worker, attachment: 'n1', view: undefined });
    talk(client, worker, 'n1');
    const old = talkClient('a', { mode: AttachMode.RESUME, resumeToken: client.resumeToken });
    const deaf = (): unknown =>
      meet({
        client: talkClient('a', { mode: AttachMode.RESUME, resumeToken: client.resumeToken }),
        worker,
        attachment: `n${worker.attachEpoch + 1}`,
      });
    deaf();
    deaf();
    deaf();
    expect(worker.attachEpoch).toBe(4);
    meet({ client, worker, attachment: 'n9' });
    talk(client, worker, 'n9');
    expect(() => meet({ client: old, worker, attachment: 'n10' })).toThrow('FENCED');
  });

  test('is not replaced by the hello of one of the seven before it, also after a restart', () => {
    const worker = talkWorker();
    const client = talkClient('a');
    meet({ client, worker, attachment: 'n1', view: undefined });
    talk(client, worker, 'n1');
    const hellos = Array.from({ length: 9 }, (_, index) => {
      const nonce = `n${index + 2}`;
      // Nobody hears the welcome: every token stays good.
      const hello = client.hello(nonce);
      arrive({ worker, attachment: nonce }, hello);
      return hello;
    });
    const late = hellos.slice(0, -1).reverse();
    const refused = late.map((hello) => attempt(() => arrive({ worker, attachment: 'late' }, hello)));
    expect(refused.slice(0, 7)).toEqual(Array(7).fill('FENCED'));
    expect(refused.at(7)).toBe('let in');

    const state = decodeWorkerLinkState(encodeWorkerLinkState(worker.save()));
    const view = sealedView(talkIdentity, state, 1);
    const restored = restoreWorkerLink(talkOptions, state, 2);
    expect(attempt(() => arrive({ worker: restored, attachment: 'late', view }, late[1]!))).toBe('FENCED');
  });

  test('of another client, or of one that begins anew, starts what its client has acknowledged itself', () => {
    const worker = talkWorker();
    const client = talkClient('a');
    meet({ client, worker, attachment: 'n1', view: undefined });
    worker.endpoint.writeData(Channel.STDOUT, Buffer.from('x'));
    talk(client, worker, 'n1');
    const taking = { mode: AttachMode.RESUME, takeover: true };
    const other = talkClient('b', { ...taking, resumeToken: client.resumeToken });
    meet({ client: other, worker, attachment: 'n2' });
    expect(worker.save().heldFromSeq).toBe(2);
    worker.endpoint.writeData(Channel.STDOUT, Buffer.from('y'));
    talk(other, worker, 'n2');
    meet({ client: other, worker, attachment: 'n3' });
    expect(worker.save().heldFromSeq).toBe(2);
    const anew = talkClient('b', { ...taking, resumeToken: other.resumeToken });
    meet({ client: anew, worker, attachment: 'n4' });
    expect(worker.save().heldFromSeq).toBe(3);
  });

  test('of a client without state gets no data for which only the one before has given credit', () => {
    const worker = talkWorker();
    const client = talkClient('a');
    meet({ client, worker, attachment: 'n1', view: undefined });
    const all = 'x'.repeat(4 * tinyLimits.windowBytes);
    for (let at = 0; at < all.length; at += tinyLimits.maxDataBytes) {
      worker.endpoint.writeData(Channel.STDOUT, Buffer.from(all.slice(at, at + tinyLimits.maxDataBytes)));
      talk(client, worker, 'n1');
      readText(client.endpoint);
    }
    worker.endpoint.writeData(Channel.STDOUT, Buffer.from('y'));
    const taking = { mode: AttachMode.RESUME, takeover: true, resumeToken: client.resumeToken };
    const other = talkClient('b', taking);
    meet({ client: other, worker, attachment: 'n2' });
    // The worker is quicker than the first message after the Welcome.
    expect(worker.pull('n2', false)).toBeUndefined();
    talk(other, worker, 'n2');
    expect(readText(other.endpoint)).toBe('y');
  });

  test('whose hello contradicts the session changes nothing', () => {
    const worker = talkWorker();
    const client = talkClient('a');
    meet({ client, worker, attachment: 'n1', view: undefined });
    talk(client, worker, 'n1');
    const before = worker.save();
    const message = { ...client.hello('n2'), ack: 99 };
    const kind = message.frames[0]?.kind;
    if (kind?.$case !== 'hello') throw new Error('no hello');
    const facts = { version: 1, incarnation: 1, attachEpoch: 2, confirmedEpoch: 1 };
    const decision = {
      kind: 'resume',
      outcome: 'EXACT',
      fence: undefined,
      output: { kind: 'replay', seq: 1 },
      ...facts,
    } as const;
    expect(() => worker.attach({ attachment: 'n2', decision, hello: kind.value, message })).toThrow(
      expect.objectContaining({ code: 'FRAME_INVALID' }),
    );
    expect(worker.save()).toEqual(before);
    expect(worker.attachment).toBe('n1');
  });
});

describe('a worker link from a checkpoint', () => {
  test('goes on exactly, in the new incarnation, with the same client', () => {
    const worker = talkWorker();
    const client = talkClient('a');
    meet({ client, worker, attachment: 'n1', view: undefined });
    client.endpoint.writeData(Channel.STDIN, Buffer.from('unread'));
    talk(client, worker, 'n1');
    worker.endpoint.writeData(Channel.STDOUT, Buffer.from('unacked'));
    const sealed = encodeWorkerLinkState(worker.save());
    client.endpoint.writeData(Channel.STDIN, Buffer.from(' later'));
    client.ended({ kind: 'transport' });

    const state = decodeWorkerLinkState(sealed);
    expect(state).toEqual(worker.save());
    const restored = restoreWorkerLink(talkOptions, state, 2);
    const effects = meet({ client, worker: restored, attachment: 'n2', view: sealedView(talkIdentity, state, 1) });
    expect(effects).toMatchObject([{ kind: 'welcomed', incarnation: 2, reset: false, leftover: [] }]);
    talk(client, restored, 'n2');
    expect(readText(restored.endpoint)).toBe('unread later');
    expect(readText(client.endpoint)).toBe('unacked');
    expect(restored.view()).toMatchObject({ incarnation: 2, numberedSince: 1 });
  });

  test('is read where the release before has written it, which remembered no attempts', () => {
    const worker = talkWorker();
    const client = talkClient('a');
    meet({ client, worker, attachment: 'n1', view: undefined });
    meet({ client, worker, attachment: 'n2' });
    const { header, parts } = unsealBytes(encodeWorkerLinkState(worker.save()));
    const { earlierAttempts, heldFromSeq, ...before } = header;
    expect(earlierAttempts).toEqual([{ clientId: 'a', nonce: 'n1' }]);
    expect(heldFromSeq).toBe(1);
    const state = decodeWorkerLinkState(sealBytes(before, parts));
    expect(state).toEqual({ ...worker.save(), earlierAttempts: [] });
  });

  test.each([
    ['a list of nothing', [1]],
    ['no list', 'x'],
  ])('is unreadable when its attempts are %s', (_, attempts) => {
    const { header, parts } = unsealBytes(encodeWorkerLinkState(talkWorker().save()));
    const sealed = sealBytes({ ...header, earlierAttempts: attempts }, parts);
    expect(() => decodeWorkerLinkState(sealed)).toThrow(expect.objectContaining({ code: 'CHECKPOINT_UNREADABLE' }));
  });

  test('is unreadable when a byte is wrong', () => {
    const sealed = Uint8Array.from(encodeWorkerLinkState(talkWorker().save()));
    sealed[20] = (sealed[20] ?? 0) ^ 1;
    expect(() => decodeWorkerLinkState(sealed)).toThrow(expect.objectContaining({ code: 'CHECKPOINT_UNREADABLE' }));
  });
});

test('what is neither numbered nor a ping nor a farewell is handed to the caller', () => {
  const worker = talkWorker();
  const client = talkClient('a');
  meet({ client, worker, attachment: 'n1', view: undefined });
  const reset = { direction: 1, fromSeq: 1, throughSeq: 1, incarnation: 1, code: 'X', message: '' };
  const frames = [{ seq: 0, kind: { $case: 'reset' as const, value: reset } }, resizeFrame(1, 80)];
  expect(worker.receive('n1', { ack: 0, credit: 0, frames })).toEqual({
    reply: undefined,
    leaves: false,
    frames: [frames[0]],
  });
});

test('a farewell to a superseded attachment takes no acknowledgement from the one that follows', () => {
  const worker = talkWorker();
  const client = talkClient('a');
  meet({ client, worker, attachment: 'n1', view: undefined });
  client.endpoint.writeData(Channel.STDIN, Buffer.from('x'));
  worker.receive('n1', overTheWire(client.endpoint.pull(true)!));
  expect(supersededMessage('n2', '')).toMatchObject({ ack: 0, credit: 0 });
  expect(worker.endpoint.ackUrgency()).toBe('soon');
  expect(worker.detachMessage(DetachReason.IDLE, '')).toMatchObject({ ack: 1 });
  expect(worker.endpoint.ackUrgency()).toBe('none');
});
