import { Writable } from 'node:stream';
import { beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { pino } from 'pino';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { isPaneletError, PaneletError } from '#common/errors/errors.js';
import { createLatch } from '#common/time/latch.js';
import { createSilentLog } from '#common/log.js';
import { createSeededRandom } from '#common/random.js';
import type { Caller, Identity } from './identity.js';
import type { AccessDecision, KubernetesUser, Reviews } from '../kube/reviews.js';
import { combineAuthorizers, createAccessReviewAuthorizer, createAccessReviews } from './access-review-authorizer.js';
import { createAudit } from './audit.js';
import type { Question } from './authorizer.js';
import { acceptControllers } from './controller-certificates.js';
import { createPermissions, type Permissions } from './permissions.js';
import { createRoleAuthorizer } from './role-authorizer.js';
import { createTokenReviewIdentity } from './token-review-identity.js';

const attach: Question = { verb: 'create', resource: 'panels', name: 'logs' };
const issuer = 'https://kubernetes.default.svc';
const context = { method: 'Attach', remoteAddress: '10.0.0.9', sessionId: 's' };

/** Reviews whose answers the test decides. */
interface Scripted extends Reviews {
  user: KubernetesUser | undefined;
  decision: AccessDecision;
  down: boolean;
  asked: number;
}

function scriptReviews(): Scripted {
  const scripted: Scripted = {
    user: { name: 'alice', uid: 'u', groups: ['g'], extra: {} },
    decision: { allowed: true, reason: 'RBAC' },
    down: false,
    asked: 0,
    whoIs: () => answer(() => scripted.user),
    mayThey: () => answer(() => scripted.decision),
  };
  const answer = <T>(give: () => T): Promise<T> => {
    scripted.asked++;
    return scripted.down ? Promise.reject(new PaneletError('API_UNAVAILABLE', 'down')) : Promise.resolve(give());
  };
  return scripted;
}

let clock: FakeClock;
let reviews: Scripted;
let lines: Record<string, unknown>[];
let identity: Identity;
let permissions: Permissions;

function setUp(): void {
  clock = createFakeClock();
  reviews = scriptReviews();
  lines = [];
  const log = createSilentLog();
  const deps = { reviews, clock, random: createSeededRandom(1), log };
  const tokens = createTokenReviewIdentity({
    ...deps,
    audiences: ['panelet.dev'],
    ownIssuer: () => Promise.resolve(issuer),
  });
  identity = acceptControllers(tokens);
  const kubernetes = createAccessReviewAuthorizer(createAccessReviews(deps), 'panelet-system');
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(JSON.parse(chunk.toString()) as Record<string, unknown>);
      done();
    },
  });
  permissions = createPermissions({
    authorizer: combineAuthorizers(createRoleAuthorizer(), kubernetes),
    audit: createAudit(pino({ level: 'warn' }, sink)),
  });
}
beforeEach(setUp);

function come(token = 'token-1'): Promise<Caller> {
  return Promise.resolve(identity.authenticate({ authorization: `Bearer ${token}`, remoteAddress: undefined }));
}

const tokenUntil = (expSeconds: number): string =>
  `x.${Buffer.from(JSON.stringify({ exp: expSeconds })).toString('base64url')}.y`;

describe('who calls', () => {
  test('is who the API server says, without roles of this agent', async () => {
    expect(await come()).toMatchObject({ name: 'alice', roles: [], kubernetes: { groups: ['g'] } });
  });

  test('is nobody without a token, with an endless one, or with one that the API server does not accept', async () => {
    const missing = { code: 'IDENTITY_MISSING' };
    await expect(identity.authenticate({ authorization: undefined, remoteAddress: '' })).rejects.toMatchObject(missing);
    await expect(come('x'.repeat(20_000))).rejects.toMatchObject(missing);
    expect(reviews.asked).toBe(0);
    reviews.user = undefined;
    await expect(come()).rejects.toMatchObject({
      ...missing,
      message: expect.stringContaining('--audience panelet.dev'),
    });
  });

  test('is unknown, not refused, while the API server is away: also after a refusal', async () => {
    reviews.user = undefined;
    await expect(come()).rejects.toMatchObject({ code: 'IDENTITY_MISSING' });
    reviews.down = true;
    clock.advance(5_000);
    await expect(come()).rejects.toMatchObject({ code: 'API_UNAVAILABLE' });
    await expect(come('another')).rejects.toMatchObject({ code: 'API_UNAVAILABLE' });
  });

  test('stays known while the API server is away, for ten minutes at most', async () => {
    await come();
    reviews.down = true;
    clock.advance(599_999);
    expect((await come()).name).toBe('alice');
    clock.advance(1);
    await expect(come()).rejects.toMatchObject({ code: 'API_UNAVAILABLE' });
  });

  test('is not known for longer than the token is valid', async () => {
    const token = tokenUntil(30);
    await come(token);
    reviews.down = true;
    clock.advance(29_999);
    expect((await come(token)).name).toBe('alice');
    clock.advance(1);
    await expect(come(token)).rejects.toMatchObject({ code: 'API_UNAVAILABLE' });
  });

  test('is the controller with a verified certificate of controllers, whatever the token', async () => {
    const peer = { organization: 'panelet:controllers', commonName: 'x' };
    const credentials = { authorization: undefined, remoteAddress: undefined };
    expect(await identity.authenticate({ ...credentials, peer })).toEqual({
      ...{ name: 'panelet-controller', roles: ['operator', 'controller'] },
    });
    const agent = { organization: 'panelet:agents', commonName: 'panelet-controller' };
    await expect(identity.authenticate({ ...credentials, peer: agent })).rejects.toMatchObject({
      code: 'IDENTITY_MISSING',
    });
  });
});

describe('what a caller may do', () => {
  const byRole: [string, Caller['roles'], Question, boolean][] = [
    ['a client attaches', ['client'], attach, true],
    ['a client lists sessions', ['client'], { verb: 'list', resource: 'sessions', name: '' }, true],
    ['a client administers nothing', ['client'], { verb: 'administer', resource: 'sessions', name: '' }, false],
    ['a client drives no gate', ['client'], { verb: 'drain', resource: 'gates', name: 'n' }, false],
    ['an operator drives the gate', ['operator'], { verb: 'drain', resource: 'gates', name: 'n' }, true],
    ['an operator attaches to nothing', ['operator'], attach, false],
    ['an admin administers', ['admin'], { verb: 'administer', resource: 'sessions', name: '' }, true],
    ['somebody without roles does nothing', [], attach, false],
  ];
  test.each(byRole)('by role: %s', async (_what, roles, question, expected) => {
    const asked = permissions.require({ name: 'x', roles }, question, context);
    if (expected) await expect(asked).resolves.toBeUndefined();
    else await expect(asked).rejects.toMatchObject({ code: 'IDENTITY_REFUSED' });
    expect(reviews.asked).toBe(0);
  });

  test('is asked of the API server for those it knows, whatever roles somebody might have given them', async () => {
    reviews.decision = { allowed: false, reason: '' };
    const caller: Caller = { ...(await come()), roles: ['admin'] };
    await expect(permissions.require(caller, attach, context)).rejects.toMatchObject({ code: 'IDENTITY_REFUSED' });
  });

  test('is unknown, not refused, while the API server is away; what was decided before stays', async () => {
    const caller = await come();
    reviews.down = true;
    await expect(permissions.require(caller, attach, context)).rejects.toMatchObject({ code: 'API_UNAVAILABLE' });
    reviews.down = false;
    await permissions.require(caller, attach, context);
    reviews.down = true;
    clock.advance(300_000);
    await expect(permissions.require(caller, attach, context)).resolves.toBeUndefined();
    await expect(permissions.require(caller, { ...attach, name: 'shell' }, context)).rejects.toMatchObject({
      code: 'API_UNAVAILABLE',
    });
  });

  test('is asked again of an attachment: only the word no counts, and only that is written down', async () => {
    const caller = await come();
    const questions: Question[] = [{ verb: 'get', resource: 'sessions', name: '' }, attach];
    const still = (): Promise<unknown> => permissions.still(caller, questions, context);
    expect(await still()).toEqual({ kind: 'allowed' });
    clock.advance(60_000);
    reviews.down = true;
    expect(await still()).toEqual({ kind: 'unavailable' });
    reviews.down = false;
    reviews.mayThey = (_user, attributes) =>
      Promise.resolve({ allowed: !('name' in attributes && attributes.name === 'logs'), reason: 'no binding' });
    const message = '"alice" may not create panels.panelet.dev "logs": no binding.';
    expect(await still()).toEqual({ kind: 'denied', message });
    expect(lines).toMatchObject([{ caller: 'alice', verb: 'create', name: 'logs', allowed: false, sessionId: 's' }]);
  });

  test('ends with the configuration that gave it', async () => {
    const still = (roles: Caller['roles']): Promise<{ kind: string }> =>
      permissions.still({ name: 'x', roles }, [attach], context);
    expect([(await still(['client'])).kind, (await still([])).kind]).toEqual(['allowed', 'denied']);
  });

  test('does not follow from what the same name may do with other groups', async () => {
    const caller = await come();
    await permissions.require(caller, attach, context);
    reviews.decision = { allowed: false, reason: '' };
    reviews.user = { name: 'alice', uid: 'u', groups: [], extra: {} };
    const other = await come('token-2');
    await expect(permissions.require(other, attach, context)).rejects.toMatchObject({ code: 'IDENTITY_REFUSED' });
  });

  test('is written down, one line for each decision, at every log level and without the token', async () => {
    const caller = await come('very-secret-token');
    await permissions.require(caller, attach, context);
    reviews.decision = { allowed: false, reason: 'no' };
    const drain: Question = { verb: 'drain', resource: 'gates', name: 'node-a' };
    const asked = { method: 'Drain', remoteAddress: '10.0.0.9', restartUid: 'r1', givenReason: 'upgrade' };
    await permissions.require(caller, drain, asked).catch(() => undefined);
    expect(await permissions.has(caller, { verb: 'administer', resource: 'sessions', name: '' }, context)).toBe(false);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatchObject({ audit: true, caller: 'alice', verb: 'create', allowed: true, sessionId: 's' });
    expect(lines[1]).toMatchObject({ allowed: false, reason: 'no', restartUid: 'r1', givenReason: 'upgrade' });
    expect(JSON.stringify(lines)).not.toContain('secret');
  });
});

describe('callers who ask a lot', () => {
  test('do not keep others from getting an answer about what they may do', async () => {
    const latch = createLatch();
    const answered: string[] = [];
    reviews.mayThey = async ({ name }) => {
      await latch.promise;
      answered.push(name);
      return { allowed: true, reason: '' };
    };
    const asks = (name: string, panel: string): Promise<void> => {
      const caller = { name, roles: [], kubernetes: { name, uid: '', groups: [], extra: {} } };
      return permissions.require(caller, { ...attach, name: panel }, context);
    };
    const flood = Array.from({ length: 200 }, (_, n) => asks('mallory', `panel-${n}`));
    const good = ['alice', 'bob'].map((name) => asks(name, 'logs'));
    latch.resolve();
    await Promise.all([...flood, ...good]);
    // Four in one caller's turns are under way at once.
    expect(answered.slice(0, 6).sort()).toEqual(['alice', 'bob', 'mallory', 'mallory', 'mallory', 'mallory']);
  });

  test('with wrong tokens, do not keep those out whose token is known, nor push them out', async () => {
    await come('good');
    reviews.whoIs = () => new Promise(() => undefined);
    const connections = Array.from({ length: 30 }, (_, id) => ({
      id,
      address: '127.0.0.1',
      network: '127.0.0.1',
      accepted: () => false,
    }));
    for (let n = 0; n < 10_000; n++) {
      const credentials = { authorization: `Bearer wrong-${n}`, remoteAddress: '', connection: connections[n % 30] };
      Promise.resolve(identity.authenticate(credentials)).catch(() => undefined);
    }
    expect((await come('good')).name).toBe('alice');
  });
});

const mostly = fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) });

// What an API server may do between two calls, and the calls themselves.
const step = fc.oneof(
  fc.record({ kind: fc.constant('answer' as const), known: mostly, allowed: mostly, down: fc.boolean() }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1_000, 5_000, 61_000, 590_000, 601_000) }),
  fc.record({
    kind: fc.constant('call' as const),
    token: fc.constantFrom('token-1', 'token-2'),
    panel: fc.constantFrom('logs', 'shell'),
  }),
);

test('no call passes that the API server has not allowed within the grace, and none is refused without its word', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      setUp();
      const allowedAt = new Map<string, number>();
      const knownAt = new Map<string, number>();
      const unansweredAt = new Map<string, number>();
      const whoIs = reviews.whoIs.bind(reviews);
      const mayThey = reviews.mayThey.bind(reviews);
      reviews.whoIs = async (token, audiences) => {
        const user = await whoIs(token, audiences);
        if (user !== undefined) knownAt.set(token, clock.nowMs());
        return user;
      };
      reviews.mayThey = async (user, attributes) => {
        const decision = await mayThey(user, attributes).catch((error: unknown) => {
          if ('name' in attributes) unansweredAt.set(attributes.name, clock.nowMs());
          throw error;
        });
        if (decision.allowed && 'name' in attributes) allowedAt.set(attributes.name, clock.nowMs());
        return decision;
      };
      for (const next of steps) {
        if (next.kind === 'wait') clock.advance(next.ms);
        else if (next.kind === 'answer') {
          reviews.user = next.known ? { name: 'alice', uid: 'u', groups: [], extra: {} } : undefined;
          reviews.decision = { allowed: next.allowed, reason: '' };
          reviews.down = next.down;
        } else {
          const outcome = await come(next.token)
            .then((caller) => permissions.require(caller, { ...attach, name: next.panel }, context))
            .then(
              () => 'passed',
              (error: unknown) => (isPaneletError(error) ? error.code : 'bug'),
            );
          const nowMs = clock.nowMs();
          if (outcome === 'passed') {
            expect(nowMs - (knownAt.get(next.token) ?? -Infinity)).toBeLessThan(600_000);
            const ageMs = nowMs - (allowedAt.get(next.panel) ?? -Infinity);
            expect(ageMs).toBeLessThan(600_000);
            // An older decision only counts for a moment after a question that nobody answered.
            const unansweredMs = nowMs - (unansweredAt.get(next.panel) ?? -Infinity);
            if (ageMs >= 60_000) expect(unansweredMs).toBeLessThan(1_000);
          } else expect(['IDENTITY_MISSING', 'IDENTITY_REFUSED', 'API_UNAVAILABLE']).toContain(outcome);
        }
      }
    }),
    { numRuns: 1_000 },
  );
});
