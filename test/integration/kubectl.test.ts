import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { timestamp } from '#common/time/clock.js';
import { anyKubectl, createKubectl, packagedKubectl, type Kubectl } from '#test/support/kubectl.js';
import { agentDaemonSet, nodeA, restart, webPod } from '#test/support/kube-manifests.js';
import { startRunningApi, type RunningApi } from '#test/support/running-api.js';
import { waitFor } from '#test/support/wait-for.js';
import type { StoredObject } from '#devcluster/store/kube-object.js';

jest.setTimeout(60_000);

const lines = (text: string): string[] => text.trimEnd().split('\n');
const words = (line: string | undefined): string[] => (line ?? '').trim().split(/ {2,}/);

let api: RunningApi;
let kubectl: Kubectl;

beforeEach(async () => {
  api = await startRunningApi({
    podLogs: async function* podLogs(request) {
      yield await Promise.resolve(
        Buffer.from(`${request.pod}/${request.container} tail=${request.tailLines ?? 'all'}\n`),
      );
    },
    accountTokens: (namespace, name) => `token of ${name} in ${namespace}`,
  });
  kubectl = createKubectl(packagedKubectl(), api.kubeconfig);
});

afterEach(async () => {
  await kubectl.close();
  await api.close();
});

describe('reading with kubectl', () => {
  test('lists what the cluster has and which version it is', async () => {
    expect(await kubectl.out('version')).toMatch(/Server Version: v1\.37\.2/);
    const resources = await kubectl.out('api-resources');
    expect(resources).toMatch(/panelrestarts +prs +panelet\.dev\/v1alpha1 +true +PanelRestart/);
    expect(resources).toMatch(/daemonsets +ds +apps\/v1 +true +DaemonSet/);
    expect(lines(await kubectl.out('api-versions'))).toContain('events.k8s.io/v1');
    expect(await kubectl.out('get crd -o name')).toBe(
      'customresourcedefinition.apiextensions.k8s.io/panelrestarts.panelet.dev\n',
    );
  });

  test('shows pods, daemonsets, nodes and restarts in the columns of a real cluster', async () => {
    await kubectl.out('apply -f -', [agentDaemonSet, webPod, restart].join('---'));
    await kubectl.out('create -f -', nodeA);
    const [head, row] = lines(await kubectl.out('get pods -o wide')).map(words);
    expect(head).toEqual([
      'NAME',
      'READY',
      'STATUS',
      'RESTARTS',
      'AGE',
      'IP',
      'NODE',
      'NOMINATED NODE',
      'READINESS GATES',
    ]);
    expect(row?.slice(0, 4)).toEqual(['web', '0/1', 'Pending', '0']);
    expect(row?.slice(5)).toEqual(['<none>', 'node-a', '<none>', '<none>']);
    expect(words(lines(await kubectl.out('get ds -o wide'))[0])).toEqual([
      'NAME',
      'DESIRED',
      'CURRENT',
      'READY',
      'UP-TO-DATE',
      'AVAILABLE',
      'NODE SELECTOR',
      'AGE',
      'CONTAINERS',
      'IMAGES',
      'SELECTOR',
    ]);
    expect(words(lines(await kubectl.out('get nodes'))[1]).slice(0, 3)).toEqual(['node-a', 'Ready', '<none>']);
    expect(words(lines(await kubectl.out('get prs -A'))[0])).toEqual([
      'NAMESPACE',
      'NAME',
      'PHASE',
      'PODS',
      'SESSIONS',
      'FORCED',
      'STEP',
      'AGE',
    ]);
  });

  test('answers in yaml, json, names, jsonpath and by selectors', async () => {
    await kubectl.out('apply -f -', webPod);
    expect(await kubectl.out('get pod web -o yaml')).toMatch(/terminationGracePeriodSeconds: 30/);
    expect(JSON.parse(await kubectl.out('get pods -o json'))).toMatchObject({ kind: 'List', items: [{ kind: 'Pod' }] });
    expect(await kubectl.out('get pods -o name')).toBe('pod/web\n');
    expect(await kubectl.out('get pod web -o jsonpath={.spec.containers[0].image}')).toBe('nginx');
    expect(await kubectl.out('get pods -l app=web,tier!=x -o name')).toBe('pod/web\n');
    expect(await kubectl.out(['get', 'pods', '-l', 'app in (db,cache)', '-o', 'name'])).toBe('');
    expect(await kubectl.out('get pods --field-selector spec.nodeName=node-a,status.phase!=Running -o name')).toBe(
      'pod/web\n',
    );
    expect((await kubectl.run('get pods --field-selector spec.foo=1')).stderr).toMatch(
      /field label not supported: spec\.foo/,
    );
  });

  test('reads long lists in pieces', async () => {
    const names = Array.from({ length: 7 }, (_, index) => `cm-${index}`);
    for (const name of names) {
      await api.store.create('configmaps', {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name, namespace: 'default' },
      });
    }
    const listed = await kubectl.out('get cm --chunk-size=3 -o name');
    expect(lines(listed)).toEqual(names.map((name) => `configmap/${name}`));
  });

  test('describes pods, daemonsets, nodes and restarts with their events', async () => {
    await kubectl.out('apply -f -', [agentDaemonSet, webPod, restart].join('---'));
    await kubectl.out('create -f -', nodeA);
    const pod = api.store.get('pods', 'default', 'web');
    const event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'web.1', namespace: 'default' },
      involvedObject: { apiVersion: 'v1', kind: 'Pod', name: 'web', namespace: 'default', uid: pod?.metadata.uid },
      reason: 'Drained',
      message: 'All sessions are safe',
      type: 'Normal',
      firstTimestamp: timestamp(new Date()),
      lastTimestamp: timestamp(new Date()),
      count: 1,
      source: { component: 'panelet-controller' },
    };
    await api.store.create('events', event);
    const described = await kubectl.out('describe pod web');
    expect(described).toMatch(/Service Account: +default/);
    expect(described).toMatch(/Normal +Drained +\d+s +panelet-controller +All sessions are safe/);
    expect(await kubectl.out('describe ds panelet-agent')).toMatch(/Selector: +app.kubernetes.io\/name=panelet-agent/);
    expect(await kubectl.out('describe node node-a')).toMatch(/InternalIP: +127\.1\.1\.1/);
    expect(await kubectl.out('describe prs first')).toMatch(/On Timeout: +Abort/);
    expect(await kubectl.out('get events')).toMatch(/Normal +Drained +pod\/web +All sessions are safe/);
    expect(await kubectl.out('events --for pod/web')).toMatch(/Normal +Drained +Pod\/web +All sessions are safe/);
    const view = await kubectl.out('get events.events.k8s.io -o jsonpath={.items[0].regarding.name}={.items[0].note}');
    expect(view).toBe('web=All sessions are safe');
  });

  test('follows changes', async () => {
    const watch = kubectl.start('get pods -w');
    await kubectl.out('apply -f -', webPod);
    await watch.until(/web +0\/1 +Pending/);
    await kubectl.out('delete pod web --wait=false');
    await watch.until(/web +0\/1 +Terminating/);
    expect(await watch.until(/NAME/)).toMatch(/^NAME +READY +STATUS +RESTARTS +AGE\nweb/);
    await watch.stop();
  });

  test('explains built-in kinds and restarts', async () => {
    expect(await kubectl.out('explain pods.spec.containers')).toMatch(
      /A single application container that you want to run within a pod/,
    );
    expect(await kubectl.out('explain prs.spec.drain.onTimeout')).toMatch(/ENUM:\n +Force\n +Wait\n +Abort/);
    expect(await kubectl.out('explain ds.spec.updateStrategy')).toMatch(
      /FIELD: updateStrategy <DaemonSetUpdateStrategy>/,
    );
  });

  test('reads logs through the launcher', async () => {
    await kubectl.out('apply -f -', webPod);
    expect(await kubectl.out('logs web --tail=5')).toBe('web/server tail=5\n');
    expect((await kubectl.run('logs web -c nope')).stderr).toMatch(/container nope is not valid for pod web/);
  });
});

describe('kubectl auth and tokens', () => {
  test('says who somebody is and what he may do', async () => {
    const viewer = createKubectl(packagedKubectl(), api.viewerKubeconfig);
    expect(await kubectl.out('auth whoami -o jsonpath={.status.userInfo}')).toBe(
      '{"groups":["system:masters","system:authenticated"],"username":"admin"}',
    );
    expect(await viewer.out('auth whoami -o jsonpath={.status.userInfo.groups}')).toBe('["system:authenticated"]');
    expect(await kubectl.out('auth can-i create panelrestarts.panelet.dev')).toBe('yes\n');
    expect(await kubectl.out('auth can-i * *')).toBe('yes\n');
    expect(await viewer.out('auth can-i list pods')).toBe('yes\n');
    expect(await viewer.out('auth can-i get /healthz')).toBe('yes\n');
    const refused = ['create pods', '* *', 'post /healthz'].map((what) => viewer.run(`auth can-i ${what}`));
    for (const { code, stdout } of await Promise.all(refused)) expect([code, stdout]).toEqual([1, 'no\n']);
    expect(await viewer.out('auth can-i --list')).toMatch(/^\*\.\* +\[\] +\[\] +\[get list watch\]$/m);
    expect(await kubectl.out('auth can-i --list --as=nobody')).not.toMatch(/\*\.\*/);
    await viewer.close();
  });

  test('makes the token of an account that is there, for who may', async () => {
    const metadata = { name: 'panelet-user', namespace: 'default' };
    await api.store.create('serviceaccounts', { apiVersion: 'v1', kind: 'ServiceAccount', metadata });
    const asked = 'create token panelet-user --audience panelet.dev --duration 1h';
    expect((await kubectl.out(asked)).trim()).toBe('token of panelet-user in default');
    expect((await kubectl.run('create token nobody')).stderr).toMatch(/serviceaccounts "nobody" not found/);
    expect((await kubectl.run(`${asked} --as=viewer`)).stderr).toMatch(
      /cannot create resource "serviceaccounts\/token"/,
    );
    expect(await kubectl.out('get sa -o name')).toBe('serviceaccount/panelet-user\n');
    expect((await kubectl.run('create serviceaccount another')).stderr).toMatch(/does not allow this method/);
    expect(await kubectl.out('get sa panelet-user -o yaml')).not.toMatch(/token of/);
  });
});

describe('writing with kubectl', () => {
  test('applies: creates, changes, leaves alone', async () => {
    expect(await kubectl.out('apply -f -', agentDaemonSet)).toBe('daemonset.apps/panelet-agent created\n');
    expect(await kubectl.out('apply -f -', agentDaemonSet)).toBe('daemonset.apps/panelet-agent unchanged\n');
    const changed = agentDaemonSet.replace('panelet:dev', 'panelet:2').replace(/ +env:[^]*$/, '');
    expect(await kubectl.out('apply -f -', changed)).toBe('daemonset.apps/panelet-agent configured\n');
    const stored = await kubectl.out(
      'get ds panelet-agent -o jsonpath={.spec.template.spec.containers}:{.metadata.generation}',
    );
    expect(stored).toMatch(/"image":"panelet:2"/);
    expect(stored).not.toMatch(/PANELET_NODE_NAME/);
    expect(stored).toMatch(/:2$/);
    const diff = await kubectl.run('diff -f -', changed.replace('OnDelete', 'RollingUpdate'));
    expect(diff.code).toBe(1);
    expect(diff.stdout).toMatch(/\+ {4}type: RollingUpdate/);
  });

  test('creates namespaces, config maps and objects with generated names', async () => {
    expect(await kubectl.out('create namespace panelet-system')).toBe('namespace/panelet-system created\n');
    expect(await kubectl.out('create configmap settings --from-literal=a=b -n panelet-system')).toMatch(/created/);
    expect(await kubectl.out('get cm settings -n panelet-system -o jsonpath={.data.a}')).toBe('b');
    const generated = restart.replace('name: first', 'generateName: daily-');
    expect(await kubectl.out('create -f -', generated)).toMatch(
      /^panelrestart\.panelet\.dev\/daily-[a-z0-9]{5} created\n$/,
    );
  });

  test('annotates and labels, and refuses to overwrite unless told to', async () => {
    await kubectl.out('apply -f -', agentDaemonSet);
    await kubectl.out('annotate ds/panelet-agent panelet.dev/restart=one');
    const refused = await kubectl.run('annotate ds/panelet-agent panelet.dev/restart=two');
    expect(refused.stderr).toMatch(
      /--overwrite is false but found the following declared annotation\(s\): 'panelet.dev\/restart' already has a value \(one\)/,
    );
    await kubectl.out('annotate ds/panelet-agent panelet.dev/restart=two --overwrite');
    await kubectl.out('label ds/panelet-agent tier=node');
    const stored = await kubectl.out(
      'get ds panelet-agent -o jsonpath={.metadata.annotations.panelet\\.dev/restart},{.metadata.labels.tier},{.metadata.generation}',
    );
    expect(stored).toBe('two,node,1');
    await kubectl.out('annotate ds/panelet-agent panelet.dev/restart-');
    expect(await kubectl.out('get ds panelet-agent -o yaml')).not.toMatch(/panelet\.dev\/restart/);
  });

  test('patches in all three ways', async () => {
    await kubectl.out('apply -f -', agentDaemonSet);
    const image = 'get ds panelet-agent -o jsonpath={.spec.template.spec.containers[*].image}';
    const strategic = { spec: { template: { spec: { containers: [{ name: 'agent', image: 'a:1' }] } } } };
    await kubectl.out(['patch', 'ds', 'panelet-agent', '-p', JSON.stringify(strategic)]);
    expect(await kubectl.out(image)).toBe('a:1');
    const json = [{ op: 'replace', path: '/spec/template/spec/containers/0/image', value: 'a:2' }];
    await kubectl.out(['patch', 'ds', 'panelet-agent', '--type=json', '-p', JSON.stringify(json)]);
    expect(await kubectl.out(image)).toBe('a:2');
    const merge = { spec: { template: { spec: { containers: [{ name: 'other', image: 'b:1' }] } } } };
    await kubectl.out(['patch', 'ds', 'panelet-agent', '--type=merge', '-p', JSON.stringify(merge)]);
    expect(await kubectl.out(image)).toBe('b:1');
  });

  test('waits for the result of one request, as the guide says', async () => {
    await kubectl.out('apply -f -', agentDaemonSet);
    const result = '{.metadata.annotations.panelet\\.dev/restart-result}';
    const waiting = kubectl.run([
      'wait',
      'ds/panelet-agent',
      `--for=jsonpath=${result}=Succeeded:1795867200`,
      '--timeout=20s',
    ]);
    await kubectl.out('annotate ds/panelet-agent --overwrite panelet.dev/restart-result=Succeeded:1795867199');
    await kubectl.out('annotate ds/panelet-agent --overwrite panelet.dev/restart-result=Succeeded:1795867200');
    expect(await waiting).toMatchObject({ code: 0, stdout: 'daemonset.apps/panelet-agent condition met\n' });
  });

  test('writes the status apart from the rest and waits for it', async () => {
    await kubectl.out('apply -f -', restart);
    const waiting = kubectl.run('wait prs/first --for=condition=Succeeded --timeout=20s');
    // kubectl wait heeds no condition of a status that is older than the object.
    const status = {
      observedGeneration: 1,
      phase: 'Succeeded',
      target: 'daemonset/panelet-agent',
      conditions: [{ type: 'Succeeded', status: 'True', reason: 'Done', lastTransitionTime: '2026-01-01T00:00:00Z' }],
    };
    const patch = JSON.stringify({ spec: { reason: 'not through the status' }, status });
    await kubectl.out(['patch', 'prs', 'first', '--subresource=status', '--type=merge', '-p', patch]);
    expect(await waiting).toMatchObject({ code: 0, stdout: 'panelrestart.panelet.dev/first condition met\n' });
    await kubectl.out('wait prs/first --for=jsonpath={.status.phase}=Succeeded --timeout=20s');
    expect(await kubectl.out('get prs first -o jsonpath={.spec.reason},{.metadata.generation}')).toBe(
      'a new version,1',
    );
    await kubectl.out([
      'patch',
      'prs',
      'first',
      '--type=merge',
      '-p',
      JSON.stringify({ spec: { paused: true }, status: { phase: 'Failed' } }),
    ]);
    expect(await kubectl.out('get prs first -o jsonpath={.status.phase},{.metadata.generation}')).toBe('Succeeded,2');
  });

  test('deletes and waits until the object is gone', async () => {
    await kubectl.out('apply -f -', [webPod, restart].join('---'));
    expect(await kubectl.out('delete prs first')).toMatch(/panelrestart.panelet.dev "first" deleted/);
    const deleting = kubectl.run('delete pod web');
    const waiting = kubectl.run('wait --for=delete pod/web --timeout=20s');
    const marked = kubectl.start('get pods -w');
    await marked.until(/Terminating/);
    await marked.stop();
    await api.store.delete('pods', 'default', 'web', { gracePeriodSeconds: 0 });
    expect((await deleting).stdout).toMatch(/pod "web" deleted/);
    expect((await waiting).code).toBe(0);
    expect((await kubectl.run('get pod web')).stderr).toBe('Error from server (NotFound): pods "web" not found\n');
  });

  test('deletes by selector, the owned with the owner, and whole namespaces', async () => {
    await kubectl.out('create namespace room');
    await kubectl.out('apply -n room -f -', [agentDaemonSet, restart].join('---'));
    const owner = api.store.get('daemonsets', 'room', 'panelet-agent');
    const ownerReferences = [
      {
        apiVersion: 'apps/v1',
        kind: 'DaemonSet',
        name: 'panelet-agent',
        uid: owner?.metadata.uid ?? '',
        controller: true,
      },
    ];
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'owned', namespace: 'room', ownerReferences },
      spec: { containers: [{ name: 'a', image: 'b' }] },
    };
    await api.store.create('pods', pod);
    await kubectl.out('delete ds -l app.kubernetes.io/name=panelet-agent -n room');
    await kubectl.out('wait --for=delete pod/owned -n room --timeout=20s');
    await kubectl.out('delete namespace room');
    expect((await kubectl.run('get prs first -n room')).stderr).toMatch(/NotFound/);
    expect(await kubectl.out('get ns -o name')).not.toMatch(/room/);
  });

  test('takes a rollout restart of an OnDelete daemonset and answers its status as a real cluster does', async () => {
    await kubectl.out('apply -f -', agentDaemonSet);
    expect(await kubectl.out('rollout restart ds/panelet-agent')).toBe('daemonset.apps/panelet-agent restarted\n');
    expect(await kubectl.out('get ds panelet-agent -o yaml')).toMatch(/kubectl.kubernetes.io\/restartedAt/);
    const status = await kubectl.run('rollout status ds/panelet-agent --timeout=5s');
    expect(status.stderr).toBe('error: rollout status is only available for RollingUpdate strategy type\n');
  });

  test('changes nothing in a dry run', async () => {
    expect(await kubectl.out('apply --dry-run=server -f -', webPod)).toBe('pod/web created (server dry run)\n');
    expect(await kubectl.out('get pods -o name')).toBe('');
  });

  test('keeps to a quota of pods', async () => {
    const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'few' }, spec: { hard: { pods: '1' } } };
    expect(await kubectl.out('apply -f -', JSON.stringify(quota))).toBe('resourcequota/few created\n');
    await kubectl.out('apply -f -', webPod);
    const { stderr } = await kubectl.run('create -f -', webPod.replace('name: web', 'name: more'));
    expect(stderr).toMatch(
      /pods "more" is forbidden: exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1/,
    );
    expect(words(lines(await kubectl.out('get quota'))[1]).slice(0, 2)).toEqual(['few', 'pods: 1/1']);
    expect(await kubectl.out('describe quota few')).toMatch(/pods +1 +1/);
    expect(await kubectl.out('describe ns default')).toMatch(/Resource Quotas\n +Name: +few\n +Resource +Used +Hard/);
    expect(await kubectl.out('describe ns kube-public')).toMatch(/No resource quota\.$/m);
  });

  test('drains a node of a pod that was taken out of its daemonset, and deletes it when all its owners are gone', async () => {
    await kubectl.out('create -f -', nodeA);
    await kubectl.out('apply -f -', agentDaemonSet);
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' };
    await kubectl.out('create -f -', JSON.stringify({ ...lease, metadata: { name: 'panelet-controller' } }));
    const uidOf = (what: string): Promise<string> => kubectl.out(`get ${what} -o jsonpath={.metadata.uid}`);
    const daemonSet = { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'panelet-agent' };
    const owners = [{ ...daemonSet, uid: await uidOf('ds/panelet-agent'), controller: true, blockOwnerDeletion: true }];
    const labels = { 'app.kubernetes.io/name': 'panelet-agent' };
    const metadata = { name: 'agent-1', namespace: 'default', labels, ownerReferences: owners };
    const spec = { nodeName: 'node-a', containers: [{ name: 'a', image: 'b' }] };
    await api.store.create('pods', { apiVersion: 'v1', kind: 'Pod', metadata, spec } as StoredObject);
    const drain = 'drain node-a --ignore-daemonsets --dry-run=client';
    expect((await kubectl.run(drain)).stdout).not.toMatch(/evicting/);
    const detach = {
      metadata: {
        uid: await uidOf('pod/agent-1'),
        resourceVersion: await kubectl.out('get pod agent-1 -o jsonpath={.metadata.resourceVersion}'),
        labels: { 'app.kubernetes.io/name': null },
        ownerReferences: [
          { ...daemonSet, uid: owners[0]?.uid, controller: false },
          { ...lease, name: 'panelet-controller', uid: await uidOf('lease/panelet-controller'), controller: true },
        ],
      },
    };
    const patch = ['patch', 'pod', 'agent-1', '--type=merge', '-p', JSON.stringify(detach)];
    expect(await kubectl.out(patch)).toBe('pod/agent-1 patched\n');
    expect((await kubectl.run(patch)).stderr).toMatch(/Conflict|has been modified/);
    expect((await kubectl.run(drain)).stdout).toMatch(/agent-1/);
    const ownersOf = 'get pod agent-1 -o jsonpath={.metadata.ownerReferences[*].kind}';
    expect(await kubectl.out(ownersOf)).toBe('DaemonSet Lease');
    await kubectl.out('delete lease panelet-controller');
    await waitFor('the reference to the Lease to be gone', async () => (await kubectl.out(ownersOf)) === 'DaemonSet');
    await kubectl.out('delete ds panelet-agent');
    expect(await kubectl.out('get pod agent-1 -o jsonpath={.metadata.deletionTimestamp}')).not.toBe('');
  });

  test('cordons a node', async () => {
    await kubectl.out('create -f -', nodeA);
    await kubectl.out('cordon node-a');
    expect(await kubectl.out('get nodes')).toMatch(/node-a +Ready,SchedulingDisabled/);
  });
});

describe('the kubectl of this machine', () => {
  test('applies, annotates, watches, explains and deletes as well', async () => {
    const own = createKubectl(anyKubectl(), api.kubeconfig);
    await own.out('apply -f -', [agentDaemonSet, restart].join('---'));
    await own.out('annotate ds/panelet-agent panelet.dev/restart=one');
    const watch = own.start('get prs -w');
    await watch.until(/first/);
    await watch.stop();
    expect(await own.out('explain prs.spec')).toMatch(/targetRef/);
    await own.out('delete prs first');
    await own.close();
  });
});
