import { describe, expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import { createTokenSource, readClusterCa } from './cluster-credentials.js';
import type { Kubectl } from './kubectl.js';

function fakeKubectl(answer: (args: readonly string[]) => string): Kubectl & { calls: string[] } {
  const calls: string[] = [];
  return {
    calls,
    run: async (args) => {
      calls.push(args.join(' '));
      return Promise.resolve(answer(args));
    },
    lines: () => {
      throw new Error('not here');
    },
    start: () => {
      throw new Error('not here');
    },
  };
}

const jwt = (claims: object): string => `h.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.s`;
const refusing = (code: 'IDENTITY_REFUSED' | 'API_NOT_FOUND' | 'API_UNAVAILABLE'): never => {
  throw new PaneletError(code, 'kubectl says no.');
};

describe('tokens by kubectl', () => {
  const account = 'panelet-user';
  const namespace = 'panelet-system';

  test('are made for the audience of Panelet, once for all who ask', async () => {
    const kubectl = fakeKubectl(() => 'one\n');
    const token = createTokenSource({ kubectl, clock: createFakeClock(), namespace, account });
    expect(await Promise.all([token(), token()])).toEqual(['one', 'one']);
    expect(kubectl.calls).toEqual(['create token panelet-user -n panelet-system --audience panelet.dev --duration 1h']);
  });

  test('are made again before they expire, by what they say themselves', async () => {
    const clock = createFakeClock();
    const kubectl = fakeKubectl(() => jwt({ exp: clock.date().getTime() / 1000 + 600, n: kubectl.calls.length }));
    const token = createTokenSource({ kubectl, clock, namespace, account });
    const first = await token();
    clock.advance(479_000);
    expect(await token()).toBe(first);
    clock.advance(1000);
    expect(await token()).not.toBe(first);
  });

  test('are made again where an agent does not take the one at hand: whose it was is gone', async () => {
    const kubectl = fakeKubectl(() => `token ${kubectl.calls.length}`);
    const token = createTokenSource({ kubectl, clock: createFakeClock(), namespace, account });
    expect([await token(), await token({ refused: false })]).toEqual(['token 1', 'token 1']);
    expect([await token({ refused: true }), await token({ refused: false })]).toEqual(['token 2', 'token 2']);
  });

  test('are used up to their end while the API server is away', async () => {
    const clock = createFakeClock();
    let away = false;
    const kubectl = fakeKubectl(() => (away ? refusing('API_UNAVAILABLE') : 'one'));
    const token = createTokenSource({ kubectl, clock, namespace, account });
    await token();
    away = true;
    clock.advance(3_599_000);
    expect(await token()).toBe('one');
    clock.advance(1000);
    await expect(token()).rejects.toMatchObject({ code: 'API_UNAVAILABLE' });
  });

  test.each([
    [
      'IDENTITY_REFUSED',
      /lacks the right to create serviceaccounts\/token of panelet-user in the namespace panelet-system/,
    ],
    ['API_NOT_FOUND', /has no ServiceAccount panelet-user .* --service-account/],
  ] as const)('say what is missing: %s', async (code, message) => {
    const kubectl = fakeKubectl(() => refusing(code));
    const token = createTokenSource({ kubectl, clock: createFakeClock(), namespace, account });
    await expect(token()).rejects.toMatchObject({ code, message: expect.stringMatching(message) as unknown });
  });
});

describe('authorities by kubectl', () => {
  const deps = (answer: () => string): Parameters<typeof readClusterCa>[0] => ({
    kubectl: fakeKubectl(answer),
    clock: createFakeClock(),
    namespace: 'n',
  });

  test('are those of the ConfigMap', async () => {
    const pem = '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n';
    expect((await readClusterCa(deps(() => pem))).toString()).toBe(pem);
  });

  test.each<[string, () => string, RegExp]>([
    ['it is not there', () => refusing('API_NOT_FOUND'), /is not there, so agents cannot be verified.*--ca/],
    ['it may not be read', () => refusing('IDENTITY_REFUSED'), /may not be read by you/],
    ['it is empty', () => '', /no certificate under ca\.crt yet.*panelet-controller/],
  ])('are never done without: %s', async (_name, answer, message) => {
    await expect(readClusterCa(deps(answer))).rejects.toThrow(message);
  });
});
