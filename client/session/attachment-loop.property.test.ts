import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isPaneletError, type ErrorCode } from '#common/errors/errors.js';
import { must } from '#session/model/config.js';
import { isExhaustive } from '#test/support/exhaustive.js';
import { TwoWays, twoWaysLiveness, type LastWord, type Way } from '#test/support/two-ways.js';

type Op =
  | { readonly op: 'write' | 'print' | 'overtake'; readonly size: number }
  | { readonly op: 'take' | 'pull' | 'wish' | 'wishWithin' | 'endFormer' }
  | { readonly op: 'say'; readonly word: LastWord }
  | { readonly op: 'toWorker' | 'toClient'; readonly way: number; readonly count: number }
  | { readonly op: 'talk' | 'cut' | 'notice' | 'hole'; readonly way: number }
  | { readonly op: 'refuse'; readonly way: number; readonly code: ErrorCode }
  | { readonly op: 'address'; readonly address: string; readonly isSilent: boolean }
  | { readonly op: 'pass'; readonly ms: number };

/** How a story ends: everything arrives; the client leaves, or ends the session, in the middle of it; no agent is ever there again. */
type Finale = 'arrives' | 'leaves' | 'closes' | 'alone';

const size = fc.integer({ min: 1, max: 30 });
/** Counted from the way that was opened last. */
const way = fc.constantFrom(0, 0, 0, 1, 1, 2, 3);
const word = fc.constantFrom<LastWord>(
  'ready',
  'ready',
  'ready',
  'nothing',
  'nothing',
  'nothing',
  'end',
  'ready and end',
);
const code = fc.constantFrom<ErrorCode>('WORKER_UNAVAILABLE', 'WORKER_UNAVAILABLE', 'WORKER_UNAVAILABLE', 'FENCED');
const address = fc.constantFrom('old:1', 'new:1');
const ms = fc.constantFrom(0, 1, 25, 100, 100, 250, 500, 1_000, 2_000, 4_000);
const often = (weight: number, arbitrary: fc.Arbitrary<unknown>) => ({
  weight,
  arbitrary: arbitrary as fc.Arbitrary<Op>,
});
const anyOp: fc.Arbitrary<Op> = fc.oneof(
  often(6, fc.record({ op: fc.constantFrom('write', 'print'), size })),
  often(10, fc.record({ op: fc.constantFrom('take', 'pull', 'pull', 'pull', 'wish', 'wishWithin', 'endFormer') })),
  often(24, fc.record({ op: fc.constantFrom('toWorker', 'toClient'), way, count: fc.integer({ min: 1, max: 4 }) })),
  often(12, fc.record({ op: fc.constant('talk'), way })),
  often(3, fc.record({ op: fc.constant('overtake'), size })),
  often(1, fc.record({ op: fc.constant('say'), word })),
  often(3, fc.record({ op: fc.constantFrom('cut', 'notice', 'notice', 'hole'), way })),
  often(2, fc.record({ op: fc.constant('refuse'), way, code })),
  often(1, fc.record({ op: fc.constant('address'), address, isSilent: fc.boolean() })),
  often(8, fc.record({ op: fc.constant('pass'), ms })),
);
const finale = fc.constantFrom<Finale>('arrives', 'arrives', 'leaves', 'closes', 'alone');

function wayOf(story: TwoWays, index: number): Way | undefined {
  return story.ways.at(-1 - index);
}

async function run(story: TwoWays, step: Op): Promise<void> {
  switch (step.op) {
    case 'write':
    case 'print':
    case 'overtake':
      story[step.op](step.size);
      break;
    case 'take':
    case 'pull':
    case 'endFormer':
      story[step.op]();
      break;
    case 'wish':
    case 'wishWithin':
      story.wish(step.op === 'wishWithin');
      break;
    case 'say':
      story.say(step.word);
      break;
    case 'toWorker':
    case 'toClient':
      for (let count = 0; count < step.count; count += 1) story[step.op](wayOf(story, step.way));
      break;
    case 'talk':
    case 'cut':
    case 'notice':
      story[step.op](wayOf(story, step.way));
      break;
    case 'hole': {
      const found = wayOf(story, step.way);
      if (found !== undefined) found.isHole = true;
      break;
    }
    case 'refuse':
      story.refuse(wayOf(story, step.way), step.code);
      break;
    case 'address':
      story.setSilent(step.address, step.isSilent);
      break;
    case 'pass':
      await story.pass(step.ms);
  }
  await story.rest();
}

// Time without an attachment: `connectTimeoutMs` while there was none, then what the worker says. A wait that would end later is not begun.
const patienceMs = { opening: 0, attached: 900_000 - 5_000 };
const welcomeMs = { moves: 2_000, first: 15_000 };
const formerMs = 2_000;
const lastWordMs = 3_000;
// Until an attempt is given up, and the longest pause behind it.
const followMs = 2_000 + 2_000 + 1_000;

/** Holds at every moment. */
class Watch {
  readonly #story: TwoWays;
  readonly #read = new Map<Way, number>();
  #awayAtMs: number | undefined = 0;
  #calls = 0;
  moves = 0;
  returns = 0;

  constructor(story: TwoWays) {
    this.#story = story;
    story.look = () => this.#look();
  }

  #look(): void {
    const { ways, latest, session, agents, clock } = this.#story;
    const open = ways.filter(({ isOpen }) => isOpen);
    for (const one of ways) this.#lookAtWords(one, open);
    must(ways.length - this.#calls <= 1, 'attempts do not follow each other in one moment');
    this.#calls = ways.length;
    must(open.length <= 2, 'a client has two attachments at most');
    must(open.filter(({ welcomedAtMs }) => welcomedAtMs === undefined).length <= 1, 'one attempt is under way at most');
    for (const one of open) this.#lookAtTime(one);
    this.#lookAtPhase(open);
    this.#lookAtBytes();
    must(agents.size >= open.length, 'an attachment has its share of a connection');
    must(session.phase === 'closed' || open.length > 0 || clock.pending() > 0, 'somebody is waited for');
    this.moves = session.stats().moves;
    this.returns = session.stats().resumes;
    if (latest?.isOpen === true) this.#lookAtWish(open);
  }

  /** Only the one that was welcomed last says anything but a Hello. */
  #lookAtWords(one: Way, open: readonly Way[]): void {
    const read = this.#read.get(one) ?? 0;
    const said = one.call.sent.slice(read);
    this.#read.set(one, read + said.length);
    if (read === 0 && one.isOpen) {
      const others = open.filter((other) => other !== one);
      const isBeside = others.length === 1 && others[0] === this.#story.latest;
      // The one beside may have ended in the same moment.
      must(
        one.call.hello.moves ? isBeside || others.length === 0 : others.length === 0,
        'a next one has a current one',
      );
    }
    // As the worker asks for it, until another one is current or the worker says that it may attach again.
    must(read > 0 || !one.call.hello.moves || this.#story.wishedAtMs !== undefined, 'who moves was asked to');
    const isSilent = said.slice(read === 0 ? 1 : 0).length === 0;
    must(isSilent || one === this.#story.latest, 'only the current attachment says anything');
  }

  #lookAtTime({ call, openedAtMs, welcomedAtMs, followedAtMs, lastWordAtMs, heardAtMs }: Way): void {
    const nowMs = this.#story.clock.nowMs();
    const limitMs = call.hello.moves ? welcomeMs.moves : welcomeMs.first;
    must(welcomedAtMs !== undefined || nowMs - openedAtMs < limitMs, 'a Welcome has its time');
    must(nowMs - (followedAtMs ?? nowMs) < formerMs, 'one that is only read has its time');
    must(nowMs - (lastWordAtMs ?? nowMs) < lastWordMs, 'what follows a last word has its time');
    const { idleMs, timeoutMs } = twoWaysLiveness;
    const isCurrent = welcomedAtMs !== undefined && followedAtMs === undefined;
    must(!isCurrent || nowMs - heardAtMs < idleMs + timeoutMs, 'silence has its time');
  }

  #lookAtPhase(open: readonly Way[]): void {
    const { session, latest, link, clock, mayGiveUp } = this.#story;
    const nowMs = clock.nowMs();
    if (latest?.isOpen === true) this.#awayAtMs = undefined;
    else this.#awayAtMs ??= nowMs;
    if (session.phase === 'closed') {
      const limitMs = latest === undefined ? patienceMs.opening : patienceMs.attached;
      must(mayGiveUp || nowMs - (this.#awayAtMs ?? nowMs) >= limitMs, 'nobody gave it a reason');
      must(open.length === 0, 'what is over has no attachment');
      return;
    }
    const isAttached = latest?.isOpen === true;
    must(session.phase === (isAttached ? 'attached' : 'reattaching'), `it says it is ${session.phase}`);
    must(
      link.attachedAs === (isAttached ? latest.nonce : undefined),
      'the current one is the one that was welcomed last',
    );
  }

  #lookAtBytes(): void {
    const { client, panel, link, worker } = this.#story;
    must(isStart(client.read, panel.wrote), 'output comes once and in order');
    must(isStart(panel.read, client.wrote), 'input comes once and in order');
    const [ours, theirs] = [link.endpoint.cursors, worker.endpoint.cursors];
    must(ours.txBase <= theirs.nextRx && theirs.txBase <= ours.nextRx, 'what has not arrived is kept');
  }

  #lookAtWish(open: readonly Way[]): void {
    const { wishedAtMs, clock, agents, session } = this.#story;
    if (wishedAtMs === undefined || agents.silent.size > 0 || session.phase === 'closed') return;
    if (open.length > 1) this.#story.wishedAtMs = clock.nowMs();
    else must(clock.nowMs() - wishedAtMs < followMs, 'a wish is followed, and again');
  }
}

function isStart(some: readonly number[], all: readonly number[]): boolean {
  return some.length <= all.length && some.every((value, index) => value === all[index]);
}

/** Everything arrives that anybody has said. */
async function carry(story: TwoWays): Promise<void> {
  for (const one of ['old:1', 'new:1']) story.setSilent(one, false);
  const { client, panel, session, link, worker } = story;
  const isDone = (): boolean =>
    session.phase === 'closed' ||
    (!story.isEnded &&
      session.phase === 'attached' &&
      panel.read.length === client.wrote.length &&
      client.read.length === panel.wrote.length &&
      link.endpoint.unackedCount() + worker.endpoint.unackedCount() === 0);
  for (let round = 0; round < 400 && !isDone(); round += 1) {
    for (const one of [...story.ways]) {
      if (one.isHole) story.cut(one);
      story.talk(one);
      story.notice(one);
      await story.rest();
    }
    story.take();
    while (story.pull());
    await story.pass(50);
  }
  must(isDone(), 'everything arrives in the end');
}

async function leave(story: TwoWays, how: 'detach' | 'terminate'): Promise<void> {
  story.mayGiveUp = true;
  const left = story.session[how]();
  // An agent that hangs is waited for so long.
  if (how === 'detach') await story.pass(2_000);
  // What another client has taken over is that one's to end.
  await left.catch((error: unknown) => must(isPaneletError(error, 'ATTACH_SUPERSEDED'), 'it is left'));
}

/** No agent is there any more. */
async function abandon(story: TwoWays): Promise<void> {
  for (const one of ['old:1', 'new:1']) story.setSilent(one, true);
  for (const one of story.ways) story.cut(one);
  await story.rest();
  for (let waitedMs = 0; waitedMs < 960_000 && story.session.phase !== 'closed'; waitedMs += 10_000) {
    await story.pass(250);
    story.clock.advance(9_750);
    await story.rest();
  }
  must(story.session.phase === 'closed', 'it is given up in the end');
}

/** Nothing is left of a session that is over. */
async function lookBehind(story: TwoWays): Promise<void> {
  await story.rest();
  const { session, ways, agents, clock } = story;
  must(session.phase === 'closed', 'it is over');
  must(
    ways.every(({ isOpen }) => !isOpen),
    'no call is left',
  );
  must(agents.size === 0, 'no share of a connection is left');
  must(clock.pending() === 0, 'no timer is left');
  const calls = ways.length;
  await story.pass(1_000);
  must(ways.length === calls, 'nobody attaches any more');
}

describe('a session with two ways', () => {
  test('speaks on one, loses no byte, and leaves nothing behind, whatever comes first, is refused, cut or silent', async () => {
    const seen = { moves: 0, returns: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyOp, { minLength: 60, maxLength: 120 }),
        finale,
        fc.nat(1_000),
        async (ops, end, seed) => {
          const story = new TwoWays(seed);
          const watch = new Watch(story);
          await story.rest();
          for (const step of ops) {
            await run(story, step);
          }
          if (end === 'arrives') await carry(story);
          if (end === 'alone') await abandon(story);
          else await leave(story, end === 'closes' ? 'terminate' : 'detach');
          await lookBehind(story);
          seen.moves += watch.moves;
          seen.returns += watch.returns;
        },
      ),
      { numRuns: isExhaustive ? 1_000 : 100 },
    );
    expect(seen.moves).toBeGreaterThan(20);
    expect(seen.returns).toBeGreaterThan(20);
  });
});
