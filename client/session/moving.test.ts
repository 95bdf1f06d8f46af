import { describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { PaneletError } from '#common/errors/errors.js';
import { createFakeClock } from '#common/time/clock.js';
import {
  Channel,
  DetachReason,
  DrainPhase,
  SessionFate,
  type Frame,
  type Reattach,
} from '#proto/session/v1/session.js';
import { detachMessage, supersededMessage } from '#session/messages/detach-message.js';
import { arrive, readText, talkClient, talkWorker } from '#session/model/conversation.js';
import { ScriptedAgents, type ScriptedCall } from '#test/support/scripted-agents.js';
import { startScriptedSession } from '#test/support/scripted-session.js';
import { settle } from '#test/support/settle.js';
import type { AddressQuery } from '../connect/client-options.js';
import type { PaneletSession } from './panelet-session.js';

const unavailable = new PaneletError('WORKER_UNAVAILABLE', 'The agent restarts. Attach again.');
const ready = {
  ...{ generation: 1, phase: DrainPhase.READY, remaining: undefined, reason: 'upgrade', node: '' },
  ...{ fate: SessionFate.KEPT, retryAfter: undefined },
};

/** A session of the SDK over agents `old:1` and `new:1`, and the worker that it is at; a test says what arrives when. */
class Scene {
  readonly clock = createFakeClock();
  readonly agents = new ScriptedAgents();
  readonly link = talkClient('a', { takesMoves: true });
  readonly worker = talkWorker();
  readonly heard: string[] = [];
  readonly logged: Record<string, unknown>[] = [];
  readonly queries: AddressQuery[] = [];
  readonly session: PaneletSession;
  addresses = ['old:1', 'new:1'];
  mayFollow = false;
  #isOpen = false;

  constructor() {
    const { clock, link, agents } = this;
    const write = (line: string): void => void this.logged.push(JSON.parse(line) as Record<string, unknown>);
    const session = startScriptedSession({
      log: pino({ level: 'debug' }, { write }),
      ...{ clock, link, agents, liveness: { idleMs: 100, silentMs: 50 } },
      resolve: (query) => {
        this.queries.push(query);
        const [first = '', ...others] = this.addresses;
        const place = (address: string) => ({ address, node: query.node });
        return Promise.resolve([place(first), ...others.map(place)]);
      },
      mayFollow: () => this.mayFollow,
    });
    this.session = session;
    session.on('moved', ({ node }) => this.heard.push(`moved ${node}`));
    session.on('reattaching', ({ planned }) => this.heard.push(planned ? 'reattaching as told' : 'reattaching'));
    session.on('resumed', () => this.heard.push('resumed'));
    session.on('silent', ({ isSilent }) => this.heard.push(isSilent ? 'silent' : 'answers'));
    session.on('superseded', () => this.heard.push('superseded'));
  }

  call(index: number): ScriptedCall {
    const found = this.agents.calls.at(index);
    if (found === undefined) throw new Error(`There is no call ${index}.`);
    return found;
  }

  /** The Hello of a call arrives at the worker; its answer is on the way, or has arrived. */
  async letIn(call: ScriptedCall, { arrives = true } = {}): Promise<() => Promise<void>> {
    const view = this.#isOpen ? {} : { view: undefined };
    this.#isOpen = true;
    const answers = arrive({ worker: this.worker, attachment: call.hello.attachNonce, ...view }, call.sent[0]!);
    const deliver = async (): Promise<void> => {
      call.say(...answers);
      await settle();
    };
    if (arrives) await deliver();
    return deliver;
  }

  /** Carries what there is on one call, both ways. */
  async carry(call: ScriptedCall): Promise<void> {
    const { attachNonce } = call.hello;
    await settle();
    for (const message of call.sent.splice(1)) this.worker.receive(attachNonce, message);
    for (let out = this.worker.pull(attachNonce, true); out !== undefined; out = this.worker.pull(attachNonce, true)) {
      call.say(out);
    }
    await settle();
  }

  /** The worker wishes on a call that its client goes on over another agent. */
  async wish(call: ScriptedCall, reattach: Partial<Reattach> = {}, generation = 1): Promise<void> {
    const value = { generation, reattach: { pod: '', uid: 'uid-2', address: '', ...reattach }, within: undefined };
    const frame: Frame = { seq: 0, kind: { $case: 'move', value } };
    call.say(this.worker.endpoint.wrap([frame]));
    await settle();
  }

  /** The session is about to move to another worker: its client is to wait there, over the same agent. */
  async wishWithin(call: ScriptedCall, generation = 1): Promise<void> {
    const value = { generation, reattach: undefined, within: undefined };
    call.say(this.worker.endpoint.wrap([{ seq: 0, kind: { $case: 'move', value } }]));
    await settle();
  }

  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await settle();
  }

  /** The text that the worker has been sent. */
  taken(): string {
    return readText(this.worker.endpoint);
  }

  print(text: string): void {
    this.worker.endpoint.writeData(Channel.STDOUT, Buffer.from(text));
  }

  async printed(): Promise<string> {
    const { value } = (await this.session[Symbol.asyncIterator]().next()) as { value: { payload: Uint8Array } };
    return Buffer.from(value.payload).toString();
  }
}

/** One whose session is attached over `old:1`. */
async function attached(): Promise<Scene> {
  const scene = new Scene();
  await settle();
  await scene.letIn(scene.call(0));
  return scene;
}

/** The same, and the Hello of its next attachment is on its way. */
async function moving(): Promise<Scene> {
  const scene = await attached();
  await scene.wish(scene.call(0));
  expect(scene.agents.calls).toHaveLength(2);
  return scene;
}

describe('a session that is wished elsewhere', () => {
  test('offers to follow, opens the next attachment by another way, and goes on over the current one meanwhile', async () => {
    const scene = await moving();
    expect(scene.call(0).hello).toMatchObject({ capabilities: ['snapshot', 'move'], moves: false });
    expect(scene.call(1)).toMatchObject({ address: 'new:1', hello: { moves: true } });
    expect(scene.queries.at(-1)).toMatchObject({ node: 'node-a', podUid: 'uid-2' });
    expect(scene.agents.retired).toEqual(['old:1']);
    await scene.session.write('in');
    scene.print('out');
    await scene.carry(scene.call(0));
    expect(scene.taken()).toBe('in');
    expect(await scene.printed()).toBe('out');
    expect(scene.call(1).sent).toHaveLength(1);
  });

  test('is attached all the time: the welcome makes the next one current, the one before is only read', async () => {
    const scene = await moving();
    await scene.letIn(scene.call(1));
    scene.call(0).sent.splice(1);
    await scene.session.write('in');
    scene.print('out');
    await scene.carry(scene.call(1));
    expect(scene.taken()).toBe('in');
    expect(await scene.printed()).toBe('out');
    expect(scene.call(0).sent).toHaveLength(1);
    scene.call(0).say(supersededMessage(scene.call(1).hello.attachNonce, ''));
    scene.call(0).endOk();
    await settle();
    expect(scene.heard).toEqual(['moved node-a']);
    expect(scene.session.stats()).toMatchObject({ moves: 1, resumes: 0, gapsMs: [] });
    expect(scene.agents.size).toBe(1);
  });

  test('logs how long each welcome took from its Hello, and that the session moved', async () => {
    const scene = await attached();
    await scene.pass(30);
    await scene.wish(scene.call(0));
    await scene.pass(20);
    await scene.letIn(scene.call(1));
    const attaches = scene.logged.filter(({ msg }) => msg === 'Attached');
    expect(attaches).toMatchObject([
      { moved: false, welcomeMs: 0, incarnation: 1 },
      { moved: true, welcomeMs: 20 },
    ]);
  });

  test('reads what is still under way over the one before, for two seconds', async () => {
    const scene = await moving();
    scene.call(0).sent.splice(1);
    scene.print('late');
    const late = scene.worker.pull(scene.call(0).hello.attachNonce, true)!;
    await scene.letIn(scene.call(1));
    scene.call(0).say(late);
    await settle();
    expect(await scene.printed()).toBe('late');
    await scene.pass(1_999);
    expect(scene.call(0).sent).toHaveLength(1);
    expect(scene.call(0).isCancelled).toBe(false);
    await scene.pass(1);
    expect(scene.call(0).isCancelled).toBe(true);
    expect(scene.heard.filter((what) => what !== 'silent')).toEqual(['moved node-a']);
  });

  test('asks the one that is current whether it is alive, and no other', async () => {
    const scene = await moving();
    await scene.pass(100);
    await scene.pass(50);
    expect(scene.heard).toEqual(['silent']);
    await scene.letIn(scene.call(1));
    expect(scene.heard).toEqual(['silent', 'answers', 'moved node-a']);
    scene.call(0).sent.splice(1);
    scene.call(1).sent.splice(1);
    scene.call(0).say(scene.worker.drainMessage(ready));
    await scene.pass(100);
    expect(scene.call(0).sent).toHaveLength(1);
    expect(scene.call(1).sent[1]?.frames[0]?.kind?.$case).toBe('ping');
  });

  test('stays when the next one is refused, cut or without an answer, and tries again later', async () => {
    const scene = await moving();
    scene.call(1).refuse(unavailable);
    await scene.pass(0);
    // The connection works, but does not lead to another agent.
    expect(scene.agents.retired).toEqual(['old:1', 'new:1']);
    await scene.pass(249);
    expect(scene.agents.calls).toHaveLength(2);
    await scene.pass(1);
    scene.call(2).cut();
    await scene.pass(1_000);
    expect(scene.call(3).hello.moves).toBe(true);
    await scene.pass(2_000);
    expect(scene.call(3).isCancelled).toBe(true);
    await scene.pass(1_000);
    expect(scene.agents.calls).toHaveLength(5);
    expect(scene.queries.map(({ attempt }) => attempt)).toEqual([0, 1, 2, 3, 4]);
    await scene.session.write('in');
    await scene.carry(scene.call(0));
    expect(scene.taken()).toBe('in');
    expect(scene.session.phase).toBe('attached');
  });

  test('tries no more once the worker says that it may attach again', async () => {
    const scene = await moving();
    scene.call(1).refuse(unavailable);
    scene.call(0).say(scene.worker.drainMessage(ready));
    await scene.pass(1_000);
    expect(scene.agents.calls).toHaveLength(2);
    scene.call(0).endOk();
    await settle();
    await scene.pass(0);
    expect(scene.agents.calls).toHaveLength(3);
    expect(scene.call(2).hello.moves).toBe(false);
    expect(scene.heard.at(-1)).toBe('reattaching as told');
  });

  test('waits for the next one when the current one ends, and is away for as long', async () => {
    const scene = await moving();
    scene.call(0).cut();
    await scene.pass(30);
    expect(scene.session.phase).toBe('reattaching');
    expect(scene.agents.calls).toHaveLength(2);
    await scene.letIn(scene.call(1));
    expect(scene.heard).toEqual(['reattaching', 'resumed']);
    expect(scene.session.stats()).toMatchObject({ moves: 0, resumes: 1, gapsMs: [30] });
  });

  test('attaches again when both have ended', async () => {
    const scene = await moving();
    scene.call(0).cut();
    scene.call(1).cut();
    await scene.pass(100);
    expect(scene.call(2).hello.moves).toBe(false);
    await scene.letIn(scene.call(2));
    expect(scene.heard).toEqual(['reattaching', 'reattaching', 'resumed']);
  });

  test('is not superseded by itself, whichever arrives first', async () => {
    const scene = await moving();
    const welcome = await scene.letIn(scene.call(1), { arrives: false });
    scene.call(0).say(supersededMessage(scene.call(1).hello.attachNonce, ''));
    scene.call(0).endOk();
    await settle();
    await welcome();
    expect(scene.session.phase).toBe('attached');
    expect(scene.heard).not.toContain('superseded');
  });

  test('gives up when the worker has lost what was acknowledged, whatever the current one does', async () => {
    const scene = await attached();
    await scene.session.write('in');
    await scene.carry(scene.call(0));
    await scene.wish(scene.call(0));
    const { attachNonce } = scene.call(1).hello;
    const [answer] = arrive({ worker: scene.worker, attachment: attachNonce }, scene.call(1).sent[0]!);
    const kind = answer!.frames[0]!.kind;
    if (kind?.$case === 'welcome') kind.value.nextRx = 1;
    scene.call(1).say(answer!);
    await settle();
    expect(await scene.session.closed).toMatchObject({ kind: 'failed', error: { code: 'SESSION_LOST' } });
    expect([scene.call(0), scene.call(1)].every(({ isCancelled }) => isCancelled)).toBe(true);
    expect(scene.agents.size).toBe(0);
  });

  test('leaves by the current one alone', async () => {
    const scene = await moving();
    const left = scene.session.detach();
    expect(scene.call(1).isCancelled).toBe(true);
    const said = scene.call(0).sent.at(-1)?.frames[0]?.kind;
    expect(said).toMatchObject({ $case: 'detach', value: { reason: DetachReason.LEAVING } });
    scene.call(0).endOk();
    await settle();
    await left;
    expect(await scene.session.closed).toEqual({ kind: 'detached' });
    expect(scene.agents.size).toBe(0);
  });

  test('follows no wish that comes when it is over', async () => {
    const scene = await moving();
    scene.call(0).say(detachMessage(scene.worker.endpoint, DetachReason.REVOKED, 'You may not.'));
    scene.call(0).endOk();
    scene.call(1).refuse(unavailable);
    await settle();
    expect(await scene.session.closed).toMatchObject({ kind: 'failed' });
    await scene.pass(10_000);
    expect(scene.agents.calls).toHaveLength(2);
    expect(scene.clock.pending()).toBe(0);
  });

  test('opens no attachment beside one that has ended while it looked for a way', async () => {
    const scene = await attached();
    for (const address of scene.addresses) scene.agents.silent.add(address);
    await scene.wish(scene.call(0));
    scene.agents.silent.clear();
    scene.call(0).cut();
    await scene.pass(5_000);
    expect(scene.agents.calls).toHaveLength(2);
    expect(scene.call(1).hello.moves).toBe(false);
    await scene.letIn(scene.call(1));
    expect(scene.agents.size).toBe(1);
  });
});

describe('an address that a worker names', () => {
  test('is tried first where it may be followed, for the node of the session', async () => {
    const scene = await attached();
    scene.mayFollow = true;
    await scene.wish(scene.call(0), { address: 'named:1' });
    expect(scene.call(1).address).toBe('named:1');
    expect(scene.agents.leased.at(-1)).toEqual({ address: 'named:1', node: 'node-a' });
  });

  test('is not even looked at where not', async () => {
    const scene = await attached();
    await scene.wish(scene.call(0), { address: 'named:1' });
    scene.call(1).cut();
    await scene.pass(1_000);
    expect(scene.agents.leased.map(({ address }) => address)).not.toContain('named:1');
  });
});

describe('a session that moves to another worker of its agent', () => {
  test('opens its next attachment over the connection that it has, which goes on', async () => {
    const scene = await attached();
    await scene.wishWithin(scene.call(0));
    expect(scene.call(1)).toMatchObject({ address: 'old:1', hello: { moves: true } });
    // Nobody has to be asked where that is.
    expect(scene.queries).toHaveLength(1);
    await scene.letIn(scene.call(1));
    scene.call(0).say(scene.worker.drainMessage(ready));
    scene.call(0).endOk();
    await scene.pass(10_000);
    expect([scene.heard.filter((what) => what !== 'silent'), scene.agents.retired]).toEqual([['moved node-a'], []]);
    await scene.session.write('in');
    await scene.carry(scene.call(1));
    expect(scene.taken()).toBe('in');
  });

  test('waits on with the next one when the current one ends first, and opens no third', async () => {
    const scene = await attached();
    await scene.wishWithin(scene.call(0));
    scene.call(0).say(scene.worker.drainMessage(ready));
    scene.call(0).endOk();
    await scene.pass(1_000);
    expect([scene.agents.calls.length, scene.agents.retired]).toEqual([2, []]);
    await scene.letIn(scene.call(1));
    expect(scene.heard).toEqual(['reattaching as told', 'resumed']);
  });

  test('looks for another agent where that one lets nobody through', async () => {
    const scene = await attached();
    await scene.wishWithin(scene.call(0));
    scene.call(1).refuse(unavailable);
    await scene.pass(1_000);
    expect(scene.call(2)).toMatchObject({ address: 'new:1', hello: { moves: true } });
    expect(scene.agents.retired).toEqual(['old:1']);
    await scene.letIn(scene.call(2));
    expect(scene.heard.at(-1)).toBe('moved node-a');
  });
});
