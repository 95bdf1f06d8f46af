import { beforeEach, describe, expect, test } from '@jest/globals';
import { PaneletError } from '#common/errors/errors.js';
import { createSilentLog } from '#common/log.js';
import { AttachMode, Hello } from '#proto/session/v1/session.js';
import type { Standing } from '../storage/session-ownership.js';
import { ExpectedSessions } from './expected-sessions.js';
import { SessionRegistry, type AttachRequest, type SessionRegistryDeps } from './session-registry.js';

const sessionId = '3f2b8f4e-0c1d-4b7a-9a55-000000000001';
const instance = { number: 7, id: 'the other one' };
const nobodys: Standing = { kind: 'nobody', incarnation: 1, decided: 1 };
const anothers: Standing = { kind: 'elsewhere', incarnation: 2, decided: 2, instance };

let standing: Standing;
let isStored: boolean;
let others: number[];
let registry: SessionRegistry;
let expected: ExpectedSessions;

beforeEach(() => {
  standing = nobodys;
  isStored = true;
  others = [7];
  expected = new ExpectedSessions();
  const record = { id: sessionId, panel: 'echo', owner: 'alice', tokenKey: '00', clientId: 'client', parameters: {} };
  const storage = {
    ownership: { look: () => Promise.resolve(standing) },
    checkpoints: { verify: () => Promise.resolve({ sizeBytes: 1, sha256: '00' }) },
    records: {
      read: () => Promise.resolve(isStored ? record : undefined),
      list: () => Promise.resolve({ records: [record], unreadable: [] }),
    },
    instances: { own: { number: 6, id: 'this one' }, others: () => Promise.resolve(others) },
  };
  const gate = () => ({ admitsNew: true, admitsAttach: true, admitsRestore: true });
  const deps = { storage, gate, definition: { name: 'echo' }, log: createSilentLog(), expected };
  registry = new SessionRegistry(deps as unknown as SessionRegistryDeps);
});

describe('a registry beside another one', () => {
  test.each([
    ['alice', 'WORKER_UNAVAILABLE', { instance: 'the other one' }],
    ['mallory', 'SESSION_UNKNOWN', {}],
  ])('tells %s, who asks for a session of alice that the other one has: %s', async (identity, code, details) => {
    standing = anothers;
    const hello = Hello.fromPartial({
      ...{ versions: [1], sessionId, panel: 'echo', clientId: 'client', attachNonce: 'n' },
      ...{ mode: AttachMode.OPEN_OR_RESUME, nextRx: 1, txBase: 1, txNext: 1 },
    });
    const attachment = { open: true };
    const request = { hello, identity, roles: ['client'], attachment } as unknown as AttachRequest;
    const refusal: unknown = await registry.attach(request).catch((error: unknown) => error);
    expect(PaneletError.from(refusal)).toMatchObject({ code, details });
  });

  test('finds what nobody has, and gives up what the other one takes, or removes', async () => {
    await registry.discover();
    expect([...registry.dormant.keys()]).toEqual([sessionId]);
    await registry.refresh();
    expect(registry.dormant.size).toBe(1);
    standing = anothers;
    await registry.refresh();
    expect(registry.dormant.size).toBe(0);
    await registry.discover();
    expect(registry.dormant.size).toBe(0);
    standing = nobodys;
    await registry.discover();
    isStored = false;
    await registry.refresh();
    expect(registry.dormant.size).toBe(0);
  });

  test('says that it has a session which the other one is about to give, and the other one as long as it is not', async () => {
    standing = anothers;
    expect(await registry.locate(sessionId)).toBe('the other one');
    const end = expected.expect(sessionId, () => undefined);
    expect(await registry.locate(sessionId)).toBe('this one');
    end();
    expect(await registry.locate(sessionId)).toBe('the other one');
  });
});
