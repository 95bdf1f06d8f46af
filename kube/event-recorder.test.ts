import { describe, expect, test } from '@jest/globals';

import { createFakeClock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import { createSilentLog } from '#common/log.js';
import { createSeededRandom } from '#common/random.js';
import { createFakeKube } from '#test/support/controller/fake-kube.js';

import { createEventRecorder, type EventContent } from './event-recorder.js';
import { events } from './api.js';

const regarding = { apiVersion: 'apps/v1', kind: 'DaemonSet', namespace: 'n', name: 'agent', uid: 'u' };
const content: EventContent = { type: 'Normal', reason: 'Drained', action: 'Drain', text: 'Drained it.' };

function setUp() {
  const clock = createFakeClock();
  const kube = createFakeKube(clock);
  const deps = { clock, random: createSeededRandom(1), log: createSilentLog(), instance: 'me' };
  return { clock, kube, deps, recorder: createEventRecorder({ ...deps, api: kube }) };
}

describe('event recorder', () => {
  test('writes an event with the fields that API servers ask for', async () => {
    const { kube, recorder } = setUp();
    recorder.record(regarding, content);
    await recorder.flush();
    expect(kube.all(events)[0]).toMatchObject({
      metadata: { namespace: 'n', name: expect.stringMatching(/^agent\.[0-9a-f]{20}$/) },
      eventTime: '1970-01-01T00:00:00.000000Z',
      reportingController: 'panelet.dev/controller',
      reportingInstance: 'me',
      note: 'Drained it.',
    });
  });

  test('cuts a note to the bytes that API servers take, whatever letters it has', async () => {
    const { kube, recorder } = setUp();
    for (const letter of ['x', 'é', '📦']) recorder.record(regarding, { ...content, text: `a${letter.repeat(2_000)}` });
    await recorder.flush();
    for (const { note = '' } of kube.all(events)) {
      expect(Buffer.byteLength(note)).toBeLessThanOrEqual(1_024);
      expect(Buffer.byteLength(note)).toBeGreaterThan(1_015);
      expect(note).toMatch(/^a[^\uFFFD]*…$/u);
    }
  });

  test('counts the same event in a series', async () => {
    const { clock, kube, recorder } = setUp();
    for (let count = 0; count < 3; count++) {
      recorder.record(regarding, content);
      clock.advance(1_000);
    }
    recorder.record(regarding, { ...content, text: 'Another.' });
    await recorder.flush();
    expect(kube.all(events).map(({ note, series }) => [note, series?.count])).toEqual([
      ['Drained it.', 3],
      ['Another.', undefined],
    ]);
  });

  test('starts anew when the series has gone cold', async () => {
    const { clock, kube, recorder } = setUp();
    recorder.record(regarding, content);
    await recorder.flush();
    clock.advance(7 * 60_000);
    recorder.record(regarding, content);
    await recorder.flush();
    expect(kube.all(events)).toHaveLength(2);
  });

  test('gives names in the order of time', async () => {
    const { kube, recorder } = setUp();
    for (let count = 0; count < 20; count++) recorder.record(regarding, { ...content, text: String(count) });
    await recorder.flush();
    const byName = [...kube.all(events)].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
    expect(byName.map(({ note }) => Number(note))).toEqual(Array.from({ length: 20 }, (_, index) => index));
  });

  test('cuts a note that is too long, and goes on after one that could not be written', async () => {
    const { kube, deps } = setUp();
    let calls = 0;
    const api = {
      ...kube,
      create: ((resource: never, object: never) => {
        calls += 1;
        if (calls === 1) return Promise.reject(new PaneletError('API_UNAVAILABLE', 'gone'));
        return kube.create(resource, object);
      }) as typeof kube.create,
    };
    const recorder = createEventRecorder({ ...deps, api });
    recorder.record(regarding, content);
    recorder.record(regarding, { ...content, text: 'x'.repeat(3_000) });
    await recorder.flush();
    expect(kube.all(events).map(({ note }) => Buffer.byteLength(note))).toEqual([1_024]);
  });
});
