import { expect, test } from '@jest/globals';
import { PaneletError } from '#common/errors/errors.js';
import { createSilentLog } from '#common/log.js';
import { AttachMode, Hello } from '#proto/session/v1/session.js';
import { SessionRegistry, type AttachRequest, type SessionRegistryDeps } from './session-registry.js';

const sessionId = '3f2b8f4e-0c1d-4b7a-9a55-000000000001';

/** A registry whose storage says that another instance has the session, which is alice's. */
function registryElsewhere(): SessionRegistry {
  const instance = { number: 7, id: 'the other one' };
  const record = { id: sessionId, panel: 'echo', owner: 'alice', tokenKey: '00', clientId: 'client', parameters: {} };
  const storage = {
    ownership: { look: () => Promise.resolve({ kind: 'elsewhere', incarnation: 1, decided: 1, instance }) },
    records: { read: () => Promise.resolve(record) },
  };
  const gate = () => ({ admitsNew: true, admitsAttach: true, admitsRestore: true });
  const deps = { storage, gate, definition: { name: 'echo' }, log: createSilentLog() };
  return new SessionRegistry(deps as unknown as SessionRegistryDeps);
}

test.each([
  ['alice', 'WORKER_UNAVAILABLE', { instance: 'the other one' }],
  ['mallory', 'SESSION_UNKNOWN', {}],
])('%s asks for a session of alice that another instance has: %s', async (identity, code, details) => {
  const hello = Hello.fromPartial({
    ...{
      versions: [1],
      sessionId,
      panel: 'echo',
      clientId: 'client',
      attachNonce: 'n',
      mode: AttachMode.OPEN_OR_RESUME,
    },
    ...{ nextRx: 1, txBase: 1, txNext: 1 },
  });
  const attachment = { open: true };
  const request = { hello, identity, roles: ['client'], attachment } as unknown as AttachRequest;
  const refusal: unknown = await registryElsewhere()
    .attach(request)
    .catch((error: unknown) => error);
  expect(PaneletError.from(refusal)).toMatchObject({ code, details });
});
