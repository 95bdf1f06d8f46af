import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { createSilentLog } from '#common/log.js';
import { createSeededRandom } from '#common/random.js';
import type { Caller, Identity } from './identity.js';
import { createOwnIssuer } from '../kube/own-issuer.js';
import type { KubernetesUser } from '../kube/reviews.js';
import { createTokenReviewIdentity } from './token-review-identity.js';

const issuer = 'https://kubernetes.default.svc.cluster.local';
const minute = 60;

let clock: FakeClock;
let asked: string[];
let user: KubernetesUser | undefined;
let identity: Identity;
beforeEach(() => {
  clock = createFakeClock();
  // Noon, so that there is a past.
  clock.advance(12 * 3_600_000);
  asked = [];
  user = { name: 'alice', uid: 'u', groups: [], extra: {} };
  identity = create(['panelet.dev']);
});

function create(audiences: readonly string[]): Identity {
  return createTokenReviewIdentity({
    reviews: {
      whoIs: (token) => {
        asked.push(token);
        return Promise.resolve(user);
      },
      mayThey: () => Promise.reject(new Error('not asked here')),
    },
    ...{ audiences, clock, random: createSeededRandom(1), log: createSilentLog() },
    ownIssuer: () => Promise.resolve(issuer),
  });
}

const now = (): number => clock.date().getTime() / 1000;

function tokenOf(claims: Record<string, unknown>): string {
  const part = (content: unknown): string => Buffer.from(JSON.stringify(content)).toString('base64url');
  return `${part({ alg: 'RS256' })}.${part({ iss: issuer, aud: ['panelet.dev'], ...claims })}.c2lnbmF0dXJl`;
}

const come = (token: string): Promise<Caller> =>
  Promise.resolve(identity.authenticate({ authorization: `Bearer ${token}`, remoteAddress: undefined }));

describe('a token of the agent’s own issuer', () => {
  const refused: [string, string, () => Record<string, unknown>, RegExp][] = [
    ['has expired', 'expired', () => ({ exp: now() - minute }), /has expired.*--audience panelet\.dev/],
    [
      'is for another audience',
      'audience',
      () => ({ aud: ['vault', 'x'] }),
      /another audience than panelet\.dev.*--audience/,
    ],
    ['is for one other audience', 'audience', () => ({ aud: 'vault' }), /another audience/],
    ['is for nobody', 'audience', () => ({ aud: [] }), /another audience/],
    ['is not valid yet', 'early', () => ({ nbf: now() + minute + 1 }), /clock/],
    ['comes from the future', 'early', () => ({ iat: now() + minute + 1 }), /clock/],
  ];
  test.each(refused)('that %s is refused without a question', async (_what, failure, claims, message) => {
    const error = { code: 'IDENTITY_MISSING', failure, message: expect.stringMatching(message) as unknown };
    await expect(come(tokenOf(claims()))).rejects.toMatchObject(error);
    expect(asked).toEqual([]);
  });

  const open: [string, () => Record<string, unknown>][] = [
    ['looks good', () => ({ exp: now() + minute, nbf: now(), iat: now() })],
    ['has expired a moment ago', () => ({ exp: now() - minute + 1 })],
    ['is from a clock that is ahead a little', () => ({ nbf: now() + minute, iat: now() + minute })],
    ['has an audience of ours among others', () => ({ aud: ['vault', 'panelet.dev'] })],
    ['says nothing', () => ({ aud: undefined })],
    ['says nonsense', () => ({ aud: 7, exp: 'never', nbf: {}, iat: null })],
  ];
  test.each(open)('that %s is asked about, and accepted only by the answer', async (_what, claims) => {
    user = undefined;
    await expect(come(tokenOf(claims()))).rejects.toMatchObject({ failure: 'refused' });
    expect(asked).toHaveLength(1);
  });

  test('is refused for its audience only where audiences are asked for', async () => {
    identity = create([]);
    await come(tokenOf({ aud: ['whatever'] }));
    expect(asked).toHaveLength(1);
  });
});

describe('a token of somebody else', () => {
  const others: [string, () => string][] = [
    ['another issuer', () => tokenOf({ iss: 'https://accounts.example', exp: 1, aud: 'x' })],
    ['no issuer', () => tokenOf({ iss: undefined, exp: 1, aud: 'x' })],
    ['no claims', () => 'aaaa.bm90IGpzb24.cccc'],
    ['claims that are no object', () => 'aaaa.bnVsbA.cccc'],
    ['any other form', () => 'opaque~token+of/a-webhook_1=='],
  ];
  test.each(others)('with %s is always asked about', async (_what, token) => {
    expect((await come(token())).name).toBe('alice');
    expect(asked).toHaveLength(1);
  });
});

test('what cannot be a token is refused without a question', async () => {
  for (const token of ['"quoted"', 'sch\u00f6n', 'a=b', 'a,b', 'x'.repeat(12 * 1024 + 1)]) {
    await expect(come(token)).rejects.toMatchObject({ code: 'IDENTITY_MISSING', failure: 'malformed' });
  }
  expect(asked).toEqual([]);
  await come('x'.repeat(12 * 1024));
  expect(asked).toHaveLength(1);
});

test('the own issuer is that of the mounted token, also after another one was mounted; none while it cannot be read', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'panelet-issuer-'));
  try {
    const tokenFile = join(dir, 'token');
    const ownIssuer = createOwnIssuer({ tokenFile, clock });
    expect(await ownIssuer()).toBeUndefined();
    await writeFile(tokenFile, `${tokenOf({})}\n`);
    clock.advance(minute * 1000);
    expect(await ownIssuer()).toBe(issuer);
    await writeFile(tokenFile, tokenOf({ iss: 'https://next.example' }));
    expect(await ownIssuer()).toBe(issuer);
    clock.advance(minute * 1000);
    expect(await ownIssuer()).toBe('https://next.example');
    await writeFile(tokenFile, 'no JSON Web Token');
    clock.advance(minute * 1000);
    expect(await ownIssuer()).toBeUndefined();
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
