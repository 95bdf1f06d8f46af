import { expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { Channel, DetachReason } from '#proto/session/v1/session.js';
import { arrive, talkClient, talkWorker } from '#session/model/conversation.js';
import { ScriptedAgents } from '#test/support/scripted-agents.js';
import { startScriptedSession } from '#test/support/scripted-session.js';
import { settle } from '#test/support/settle.js';

const textOf = (payload: Uint8Array): string => Buffer.from(payload).toString();

test('what comes behind the word of leaving is given to nobody here: whoever resumes gets it again', async () => {
  const agents = new ScriptedAgents();
  const worker = talkWorker();
  const session = startScriptedSession({
    ...{ clock: createFakeClock(), link: talkClient('a'), agents, liveness: { idleMs: 100, silentMs: 50 } },
    resolve: () => Promise.resolve([{ address: 'a:1', node: '' }]),
  });
  const read: string[] = [];
  await settle();
  const [call] = agents.calls;
  if (call === undefined) throw new Error('It has not called.');
  const { attachNonce } = call.hello;
  call.say(...arrive({ worker, attachment: attachNonce, view: undefined }, call.sent[0]!));
  const print = (text: string): void => {
    worker.endpoint.writeData(Channel.STDOUT, Buffer.from(text));
    const message = worker.pull(attachNonce, true);
    if (message !== undefined) call.say(message);
  };
  print('before');
  await settle();
  const leaving = session.detach();
  const last = call.sent.at(-1);
  expect(last?.frames[0]?.kind).toMatchObject({ $case: 'detach', value: { reason: DetachReason.LEAVING } });
  expect(last?.ack).toBe(1);
  // The worker has sent this before it hears of it.
  print('behind');
  await settle();
  call.endOk();
  await leaving;
  for await (const item of session) if (item.kind === 'data') read.push(textOf(item.payload));
  expect(read).toEqual(['before']);
});
