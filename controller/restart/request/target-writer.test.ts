import { expect, test } from '@jest/globals';
import { PaneletError, type ErrorCode } from '#common/errors/errors.js';
import type { KubeApi } from '#kube/api.js';
import type { ClusterView, Recorder } from '../api/ports.js';
import { createTargetWriter } from './target-writer.js';

const target = { metadata: { namespace: 'n', name: 'dashboards', uid: 'u', resourceVersion: '1' } };

function writerThatFails(code: ErrorCode) {
  const events: string[] = [];
  const record: Recorder['record'] = ({ name }, { reason, text }) => void events.push(`${name} ${reason}: ${text}`);
  const api = { patch: () => Promise.reject(new PaneletError(code, 'not allowed')) } as unknown as KubeApi;
  const view = { observe: () => undefined } as unknown as ClusterView;
  return { events, writer: createTargetWriter({ api, view, recorder: { record } }) };
}

test('a target that is not the controller’s to write to says so, and what to do', async () => {
  const { events, writer } = writerThatFails('API_REFUSED');
  await expect(writer.annotate(target, { a: 'b' })).rejects.toMatchObject({ code: 'API_REFUSED' });
  expect(events).toEqual([expect.stringMatching(/^dashboards TargetRefused: .*controller\.daemonSets.*not allowed$/)]);
});

test('one that has changed meanwhile says nothing: it is tried again', async () => {
  const { events, writer } = writerThatFails('API_CONFLICT');
  await expect(writer.annotate(target, { a: 'b' })).rejects.toMatchObject({ code: 'API_CONFLICT' });
  expect(events).toEqual([]);
});
