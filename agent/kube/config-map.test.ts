import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createSystemClock } from '#common/time/clock.js';
import { createSilentLog } from '#common/log.js';
import { createSeededRandom } from '#common/random.js';
import { fakeNamespace, startFakeApi, type FakeApi } from '#test/support/agent/fake-api.js';
import { waitFor } from '#test/support/wait-for.js';
import { createApiClient, type ApiClient } from '#kube/plain/api-client.js';
import { followConfigMap } from './config-map.js';

let api: FakeApi;
let client: ApiClient;
let ending: AbortController;
let told: (string | undefined)[];
let following: Promise<void>;
const clock = createSystemClock();

const watches = (): number => api.seen.filter(({ path }) => path.includes('watch=true')).length;

beforeEach(async () => {
  api = await startFakeApi();
  client = createApiClient({ access: api.access, clock });
  ending = new AbortController();
  told = [];
});
afterEach(async () => {
  ending.abort(new Error('the test is over'));
  await following;
  client.close();
  await api.close();
});

function follow(): void {
  following = followConfigMap({
    ...{ api: client, clock, random: createSeededRandom(1), log: createSilentLog() },
    ...{ namespace: fakeNamespace, name: 'panelet-ca', signal: ending.signal },
    onData: (data) => told.push(data?.['ca.crt']),
  });
}

describe('following a ConfigMap', () => {
  test('tells what it holds, and each change', async () => {
    api.setConfigMap('panelet-ca', { 'ca.crt': 'one' });
    follow();
    await waitFor('a watch', () => watches() === 1);
    api.setConfigMap('panelet-ca', { 'ca.crt': 'two' });
    await waitFor('the change', () => told.length === 2);
    expect(told).toEqual(['one', 'two']);
  });

  test('waits for one that is not there yet', async () => {
    follow();
    await waitFor('the first look', () => told.length > 0);
    expect(told[0]).toBeUndefined();
    api.setConfigMap('panelet-ca', { 'ca.crt': 'late' });
    await waitFor('the ConfigMap', () => told.includes('late'));
  });

  test('notices what changed while its watch was cut', async () => {
    api.setConfigMap('panelet-ca', { 'ca.crt': 'one' });
    follow();
    await waitFor('a watch', () => watches() === 1);
    api.brokenWith = 503;
    api.cut();
    api.setConfigMap('panelet-ca', { 'ca.crt': 'two' });
    api.brokenWith = undefined;
    await waitFor('the change', () => told.at(-1) === 'two');
  });

  test('ends with its signal', async () => {
    api.setConfigMap('panelet-ca', {});
    follow();
    await waitFor('a watch', () => watches() === 1);
    ending.abort(new Error('enough'));
    await expect(following).resolves.toBeUndefined();
  });
});
