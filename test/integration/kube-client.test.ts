/* eslint-disable @typescript-eslint/no-unsafe-class-instance-assignment, @typescript-eslint/no-misused-spread -- plain objects are what the client sends */
import {
  CoordinationV1Api,
  CoreV1Api,
  CustomObjectsApi,
  KubeConfig,
  PatchStrategy,
  setHeaderOptions,
  V1MicroTime,
  Watch,
  type KubernetesObject,
} from '@kubernetes/client-node';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { parse as parseYaml } from 'yaml';
import { restart, webPod } from '#test/support/kube-manifests.js';
import { startRunningApi, type RunningApi } from '#test/support/running-api.js';

jest.setTimeout(30_000);

const group = { group: 'panelet.dev', version: 'v1alpha1', namespace: 'default', plural: 'panelrestarts' };

let api: RunningApi;
let config: KubeConfig;

beforeEach(async () => {
  api = await startRunningApi();
  config = new KubeConfig();
  config.loadFromFile(api.kubeconfig);
});

afterEach(async () => {
  await api.close();
});

describe('the Kubernetes client of the controller', () => {
  test('lists and patches pods', async () => {
    const core = config.makeApiClient(CoreV1Api);
    const pod = parseYaml(webPod) as KubernetesObject;
    await core.createNamespacedPod({ namespace: 'default', body: pod });
    const { items, metadata } = await core.listNamespacedPod({ namespace: 'default', labelSelector: 'app=web' });
    expect(items.map((item) => item.metadata?.name)).toEqual(['web']);
    expect(metadata?.resourceVersion).toBe(api.store.resourceVersion);
    const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
    const body = { metadata: { annotations: { 'panelet.dev/claim': '{}' } } };
    const patched = await core.patchNamespacedPod({ name: 'web', namespace: 'default', body }, merge);
    expect(patched.metadata?.annotations).toMatchObject({ 'panelet.dev/claim': '{}' });
    const preconditions = { uid: 'another' };
    const deletion = core.deleteNamespacedPod({ name: 'web', namespace: 'default', body: { preconditions } });
    await expect(deletion).rejects.toMatchObject({ code: 409 });
  });

  test('watches restarts from the version of a list on', async () => {
    const custom = config.makeApiClient(CustomObjectsApi);
    const listed = (await custom.listNamespacedCustomObject(group)) as { metadata: { resourceVersion: string } };
    await custom.createNamespacedCustomObject({ ...group, body: parseYaml(restart) as object });
    const seen: string[] = [];
    const path = '/apis/panelet.dev/v1alpha1/namespaces/default/panelrestarts';
    const options = { resourceVersion: listed.metadata.resourceVersion, allowWatchBookmarks: true };
    await new Promise<void>((resolve, reject) => {
      const note = (type: string, object: KubernetesObject): void => {
        seen.push(`${type} ${object.metadata?.name ?? ''}`);
        if (seen.length === 2) watching.then((controller) => controller.abort(), reject);
      };
      const watching = new Watch(config).watch(path, options, note, () => resolve());
      watching
        .then(() => custom.deleteNamespacedCustomObject({ ...group, name: 'first' }))
        .catch((error: unknown) => reject(error as Error));
    });
    expect(seen).toEqual(['ADDED first', 'DELETED first']);
  });

  test('writes the status of restarts, and is told when somebody else wrote first', async () => {
    const custom = config.makeApiClient(CustomObjectsApi);
    const created = (await custom.createNamespacedCustomObject({
      ...group,
      body: parseYaml(restart) as object,
    })) as object;
    const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
    const body = { status: { phase: 'Running' } };
    await custom.patchNamespacedCustomObjectStatus({ ...group, name: 'first', body }, merge);
    const stale = custom.replaceNamespacedCustomObject({ ...group, name: 'first', body: created });
    await expect(stale).rejects.toMatchObject({ code: 409 });
  });

  test('takes a lease and is refused with an old version of it', async () => {
    const coordination = config.makeApiClient(CoordinationV1Api);
    const namespace = 'kube-system';
    const now = new V1MicroTime(new Date());
    const spec = {
      holderIdentity: 'one',
      leaseDurationSeconds: 15,
      acquireTime: now,
      renewTime: now,
      leaseTransitions: 0,
    };
    const created = await coordination.createNamespacedLease({
      namespace,
      body: { metadata: { name: 'leader' }, spec },
    });
    const renewed = { ...created, spec: { ...spec, renewTime: new V1MicroTime(new Date()) } };
    const replaced = await coordination.replaceNamespacedLease({ name: 'leader', namespace, body: renewed });
    expect(replaced.spec?.holderIdentity).toBe('one');
    const stale = coordination.replaceNamespacedLease({ name: 'leader', namespace, body: renewed });
    await expect(stale).rejects.toMatchObject({ code: 409 });
  });
});
