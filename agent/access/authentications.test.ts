import { Writable } from 'node:stream';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import { AuthenticationError } from './authentication-error.js';
import { createLoopbackIdentity, type CallerConnection, type Identity } from './identity.js';
import { watchAuthentications, type AuthenticationResult } from './authentications.js';
import { createRefusalAudit } from './refusal-audit.js';

let clock: FakeClock;
let lines: Record<string, unknown>[];
let results: AuthenticationResult[];
beforeEach(() => {
  clock = createFakeClock();
  lines = [];
  results = [];
});

function watch(next: Identity): Identity {
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(JSON.parse(chunk.toString()) as Record<string, unknown>);
      done();
    },
  });
  const audit = createRefusalAudit({ log: pino({ level: 'error' }, sink), clock });
  return watchAuthentications(next, { audit, onResult: (result) => results.push(result) });
}

const failing = (error: Error): Identity =>
  watch({ authenticate: () => Promise.reject(error), current: (caller) => caller, reload: () => Promise.resolve() });

async function come(identity: Identity, remoteAddress: string, connection?: CallerConnection): Promise<void> {
  const credentials = { authorization: 'Bearer very-secret', remoteAddress, connection };
  await Promise.resolve(identity.authenticate(credentials)).catch(() => undefined);
}

describe('authentications', () => {
  const failures: [AuthenticationResult, Error][] = [
    ['expired', new AuthenticationError('expired', 'x')],
    ['refused', new PaneletError('IDENTITY_MISSING', 'of another implementation')],
    ['limit', new PaneletError('LIMIT_EXCEEDED', 'x')],
    ['unavailable', new PaneletError('API_UNAVAILABLE', 'x')],
  ];
  test.each(failures)('that end with %s are counted and written down, at every log level', async (result, error) => {
    await come(failing(error), '10.0.0.9');
    expect(results).toEqual([result]);
    expect(lines).toEqual([
      expect.objectContaining({ audit: true, allowed: false, reason: result, remoteAddress: '10.0.0.9' }),
    ]);
    expect(JSON.stringify(lines)).not.toContain('secret');
  });

  test('that are accepted, or whose caller has gone, are only counted', async () => {
    await come(watch(createLoopbackIdentity()), '10.0.0.9');
    const gone = {
      id: 1,
      address: '10.0.0.9',
      network: '10.0.0.9',
      accepted: () => false,
      signal: AbortSignal.abort(),
    };
    await come(failing(new Error('gone')), '10.0.0.9', gone);
    expect(results).toEqual(['accepted', 'gone']);
    expect(lines).toEqual([]);
  });
});

describe('the audit of refusals', () => {
  test('has a few lines in a second, none lost from another address, and says how many are left out', async () => {
    const identity = failing(new AuthenticationError('refused', 'x'));
    for (let n = 0; n < 1_000; n++) await come(identity, '10.0.0.1');
    await come(identity, '10.0.0.2');
    expect(lines.map(({ remoteAddress }) => remoteAddress)).toEqual(['10.0.0.1', '10.0.0.1', '10.0.0.2']);
    clock.advance(1_000);
    expect(lines).toHaveLength(4);
    expect(lines.at(-1)).toMatchObject({ audit: true, suppressed: 998 });
    await come(identity, '10.0.0.1');
    expect(lines).toHaveLength(5);
    expect(results).toHaveLength(1_002);
  });

  test('has no more lines for many addresses, and no timer when nobody is refused', async () => {
    const identity = failing(new AuthenticationError('refused', 'x'));
    for (let n = 0; n < 1_000; n++) await come(identity, `10.0.${n}.1`);
    expect(lines).toHaveLength(5);
    clock.advance(1_000);
    expect(lines).toHaveLength(6);
    expect(lines.at(-1)).toMatchObject({ suppressed: 995 });
    clock.advance(10_000);
    expect(lines).toHaveLength(6);
    expect(clock.pending()).toBe(0);
  });
});
