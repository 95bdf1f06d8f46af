import { describe, expect, test } from '@jest/globals';
import type { AuditEvent } from '#test/e2e/support/audit-log.js';
import { controllerWriteOf } from './controller-writes.js';

const extra = { 'authentication.kubernetes.io/pod-name': ['c-1'], 'authentication.kubernetes.io/pod-uid': ['u-1'] };
const user = { username: 'system:serviceaccount:panelet-system:panelet-controller', extra };

function event(verb: string, objectRef: AuditEvent['objectRef'], more: Partial<AuditEvent> = {}): AuditEvent {
  const at = '2026-01-01T00:00:00Z';
  const stamps = { stage: 'ResponseComplete', requestReceivedTimestamp: at, stageTimestamp: at, requestURI: '/' };
  return {
    ...stamps,
    verb,
    user,
    ...(objectRef === undefined ? {} : { objectRef }),
    responseStatus: { code: 200 },
    ...more,
  };
}

const kindOf = (given: AuditEvent): string | undefined => controllerWriteOf(given, 'panelet-system')?.kind;

describe('a write of the controller in the audit log', () => {
  test('is named by verb and resource, and says which process wrote it', () => {
    const write = controllerWriteOf(event('delete', { resource: 'pods', name: 'a' }), 'panelet-system');
    expect(write).toEqual({ kind: 'delete pods', pod: 'c-1', podUid: 'u-1' });
  });

  test('of a status is told by phase and steps', () => {
    const status = { phase: 'Running', active: [{ step: 'Draining' }, { step: 'Drained', receipt: {} }] };
    const given = event('patch', { resource: 'panelrestarts', subresource: 'status' }, { responseObject: { status } });
    expect(kindOf(given)).toBe('patch panelrestarts/status Running: Drained+receipt, Draining');
  });

  test('is nothing that was refused, that somebody else wrote, or that is about leases and events', () => {
    expect(kindOf(event('patch', { resource: 'pods' }, { responseStatus: { code: 409 } }))).toBeUndefined();
    expect(kindOf(event('patch', { resource: 'pods' }, { user: { username: 'admin' } }))).toBeUndefined();
    expect(kindOf(event('patch', { resource: 'leases' }))).toBeUndefined();
    expect(kindOf(event('create', { resource: 'events' }))).toBeUndefined();
    expect(kindOf(event('get', { resource: 'pods' }))).toBeUndefined();
  });
});
