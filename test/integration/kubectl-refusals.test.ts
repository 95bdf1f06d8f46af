import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { callApi } from '#test/support/api-caller.js';
import { createKubectl, packagedKubectl, type Kubectl } from '#test/support/kubectl.js';
import { agentDaemonSet, restart, webPod } from '#test/support/kube-manifests.js';
import type { AnyObject } from '#devcluster/store/kube-object.js';
import { startRunningApi, type RunningApi } from '#test/support/running-api.js';

jest.setTimeout(60_000);

let api: RunningApi;
let kubectl: Kubectl;

beforeAll(async () => {
  api = await startRunningApi();
  kubectl = createKubectl(packagedKubectl(), api.kubeconfig);
  await kubectl.out('apply -f -', [agentDaemonSet, restart, webPod].join('---'));
  // As a launcher says it: kubectl does not even ask about pods that do not run.
  await api.store.mutate<AnyObject>(
    'pods',
    { ns: 'default', name: 'web' },
    (pod) => {
      pod['status'] = { phase: 'Running', podIP: '127.1.1.1' };
    },
    { subresource: 'status' },
  );
});

afterAll(async () => {
  await kubectl.close();
  await api.close();
});

/** What kubectl says when it fails. */
const refusal = async (command: string | readonly string[], input?: string): Promise<string> => {
  const { code, stderr } = await kubectl.run(command, input);
  expect(code).toBe(1);
  return stderr;
};

describe('who may do what', () => {
  test('a wrong token is told so', async () => {
    const stranger = createKubectl(packagedKubectl(), api.strangerKubeconfig);
    const { code, stderr } = await stranger.run('get pods');
    expect(code).toBe(1);
    expect(stderr).toMatch(/You must be logged in to the server|Unauthorized/);
    await stranger.close();
  });

  test('a reader reads and does not write', async () => {
    const viewer = createKubectl(packagedKubectl(), api.viewerKubeconfig);
    expect(await viewer.out('get pods -o name')).toBe('pod/web\n');
    const { stderr } = await viewer.run('delete pod web');
    expect(stderr).toBe(
      'Error from server (Forbidden): pods "web" is forbidden: User "viewer" cannot delete resource "pods" in API group "" in the namespace "default"\n',
    );
    await viewer.close();
  });

  test('who may do everything may act as others, who may do what they may', async () => {
    expect(await refusal('get pods --as=nobody')).toBe(
      'Error from server (Forbidden): pods is forbidden: User "nobody" cannot list resource "pods" in API group "" in the namespace "default"\n',
    );
    expect(await kubectl.out('get pods -o name --as=viewer')).toBe('pod/web\n');
    expect(await kubectl.out('get pods -o name --as=x --as-group=system:masters')).toBe('pod/web\n');
    const viewer = createKubectl(packagedKubectl(), api.viewerKubeconfig);
    expect((await viewer.run('get pods --as=admin')).stderr).toMatch(/Error from server \(Forbidden\)/);
    await viewer.close();
  });

  test('nobody without a token gets anything but version and health', async () => {
    expect(await callApi(api, '/readyz', { token: null })).toMatchObject({ code: 200, text: 'ok' });
    const refused = await callApi(api, '/api', { token: null });
    expect(refused.code).toBe(403);
    expect(refused.json()).toMatchObject({ message: 'forbidden: User "system:anonymous" cannot get path "/api"' });
    expect((await callApi(api, '/api/v1/pods', { token: null })).code).toBe(403);
    expect((await callApi(api, '/version', { token: 'wrong' })).code).toBe(401);
  });
});

describe('what is not there', () => {
  test('names of objects, namespaces and kinds', async () => {
    expect(await refusal('get pod nope')).toBe('Error from server (NotFound): pods "nope" not found\n');
    expect(await refusal('get ds nope')).toBe('Error from server (NotFound): daemonsets.apps "nope" not found\n');
    expect(await refusal('get prs nope')).toBe(
      'Error from server (NotFound): panelrestarts.panelet.dev "nope" not found\n',
    );
    expect(await refusal('get deployments')).toBe('error: the server doesn\'t have a resource type "deployments"\n');
    expect(await refusal('apply -n nowhere -f -', webPod)).toMatch(
      /\(NotFound\): error when creating "STDIN": namespaces "nowhere" not found/,
    );
  });

  test('kinds of objects that are applied', async () => {
    expect(await refusal('apply -f -', webPod.replace('kind: Pod', 'kind: Pot'))).toMatch(
      /no matches for kind "Pot" in version "v1"\nensure CRDs are installed first/,
    );
  });

  test('server-side apply is refused in words', async () => {
    expect(await refusal('apply --server-side -f -', webPod)).toMatch(/no server-side apply; use client-side apply/);
  });

  test('definitions cannot be written', async () => {
    expect(await refusal('delete crd panelrestarts.panelet.dev')).toMatch(
      /MethodNotAllowed.*the server does not allow this method on the requested resource/,
    );
  });
});

describe('streams to pods, with what to use instead', () => {
  test.each([
    ['exec', 'exec web -- true', 'no kubectl exec, nor cp, .* Use: panelet exec --node node-a -- <command>'],
    ['attach', 'attach web', 'no kubectl attach: .* Use: kubectl logs -f -n default web, or .* attach --node node-a'],
    ['cp', 'cp default/web:/etc/hosts /dev/null', 'no kubectl exec, nor cp, .* Use: panelet exec --node node-a'],
    [
      'port-forward',
      'port-forward pod/web 80',
      "no kubectl port-forward: .* Connect to the pod's own address, 127.1.1.1",
    ],
  ])('%s', async (_verb, command, words) => {
    const said = await refusal(command);
    expect(said).toMatch(new RegExp(`this dev cluster has ${words}`));
    expect(said.match(/this dev cluster has/g)).toHaveLength(1);
  });
});

describe('what is wrong', () => {
  test('an unknown field of a new object', async () => {
    const pod = webPod.replace('name: web,', 'name: other,').replace('nodeName', 'nodeNam');
    expect(await refusal('apply -f -', pod)).toBe(
      'Error from server (BadRequest): error when creating "STDIN": Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown field "spec.nodeNam"\n',
    );
    const wrong = restart.replace('name: first', 'name: other').replace('reason', 'raeson');
    expect(await refusal('apply -f -', wrong)).toMatch(/strict decoding error: unknown field "spec.raeson"/);
  });

  test('an unknown field is only warned of when asked so', async () => {
    const wrong = restart.replace('name: first', 'name: warned').replace('reason', 'raeson');
    const { code, stderr } = await kubectl.run('apply --validate=warn -f -', wrong);
    expect(code).toBe(0);
    expect(stderr).toMatch(/Warning: unknown field "spec.raeson"/);
    expect(await kubectl.out('get prs warned -o yaml')).not.toMatch(/^ {2}raeson/m);
    expect((await kubectl.run('apply --validate=ignore -f -', wrong)).stderr).toBe('');
  });

  test('an unknown field of a changed object', async () => {
    const wrong = agentDaemonSet.replace('updateStrategy', 'updateStrateg');
    expect(await refusal('apply -f -', wrong)).toMatch(/strict decoding error: unknown field "spec.updateStrateg"/);
  });

  test('a value of the wrong type', async () => {
    const pod = webPod
      .replace('name: web,', 'name: other,')
      .replace('image: nginx', 'image: nginx, ports: [{containerPort: http}]');
    expect(await refusal('apply -f -', pod)).toMatch(
      /Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal string into Go struct field ContainerPort\.spec\.containers\.ports\.containerPort of type int32/,
    );
  });

  test('values that the schema of restarts does not allow', async () => {
    const wrong = restart
      .replace('name: first', 'name: other')
      .replace('reason: a new version', 'drain: {onTimeout: Foo}');
    expect(await refusal('apply -f -', wrong)).toMatch(
      /spec\.drain\.onTimeout: Unsupported value: "Foo": supported values: "Force", "Wait", "Abort"/,
    );
    const never = restart.replace('name: first', 'name: other').replace('reason: a new version', 'notBefore: tomorrow');
    expect(await refusal('apply -f -', never)).toMatch(
      /spec\.notBefore in body must be of type date-time: "tomorrow"\n.*some validation rules were not checked/,
    );
    const empty = restart.replace('name: first', 'name: other').replace('targetRef: { name: panelet-agent }, ', '');
    expect(await refusal('apply -f -', empty)).toMatch(/spec\.targetRef: Required value/);
  });

  test('values that the rules of restarts do not allow', async () => {
    const wrong = restart
      .replace('name: first', 'name: other')
      .replace('reason: a new version', 'strategy: {maxUnavailable: 51}');
    expect(await refusal('apply -f -', wrong)).toBe(
      'The PanelRestart "other" is invalid: spec.strategy.maxUnavailable: Invalid value: 51: maxUnavailable must be a number from 0 to 50 or a percentage from 1% to 100%\n',
    );
    const nothing = wrong.replace('maxUnavailable: 51', 'maxUnavailable: 0, maxSurge: 0');
    expect(await refusal('apply -f -', nothing)).toBe(
      'The PanelRestart "other" is invalid: spec.strategy: Invalid value: maxSurge and maxUnavailable must not both be 0\n',
    );
    const moved = restart.replace('name: panelet-agent', 'name: another');
    expect(await refusal('apply -f -', moved)).toBe(
      'The PanelRestart "first" is invalid: spec.targetRef: Invalid value: targetRef cannot be changed; create another PanelRestart for another target\n',
    );
  });

  test('a selector that moves, and one that does not fit its template', async () => {
    const moved = agentDaemonSet.replaceAll('{ app.kubernetes.io/name: panelet-agent }', '{ a: b }');
    expect(await refusal('apply -f -', moved)).toBe(
      'The DaemonSet "panelet-agent" is invalid: spec.selector: Invalid value: {"matchLabels":{"a":"b"}}: field is immutable\n',
    );
    const unfit = agentDaemonSet
      .replace('name: panelet-agent\n', 'name: other\n')
      .replace('matchLabels: { app.kubernetes.io/name: panelet-agent }', 'matchLabels: { a: b }');
    expect(await refusal('apply -f -', unfit)).toMatch(
      /spec\.template\.metadata\.labels: Invalid value: .*`selector` does not match template `labels`/,
    );
  });

  test('a pod that changes what it may not', async () => {
    expect(await refusal('apply -f -', webPod.replace('name: server', 'name: moved'))).toMatch(
      /The Pod "web" is invalid: spec: Forbidden: pod updates may not change fields other than/,
    );
  });

  test('an object that is there already', async () => {
    expect(await refusal('create -f -', webPod)).toBe(
      'Error from server (AlreadyExists): error when creating "STDIN": pods "web" already exists\n',
    );
  });

  test('an object that somebody else changed meanwhile', async () => {
    await kubectl.out('create configmap shared --from-literal=a=1');
    const read = await kubectl.out('get cm shared -o yaml');
    await kubectl.out('label cm shared touched=yes');
    expect(await refusal('replace -f -', read)).toMatch(
      /\(Conflict\): error when replacing "STDIN": Operation cannot be fulfilled on configmaps "shared": the object has been modified; please apply your changes to the latest version and try again/,
    );
  });

  test('names and labels that are none', async () => {
    const label = JSON.stringify({ metadata: { labels: { a: '-b-' } } });
    expect(await refusal(['patch', 'pod', 'web', '-p', label])).toMatch(/metadata\.labels: Invalid value: "-b-"/);
    expect(await refusal('create namespace Big_One')).toMatch(
      /metadata\.name: Invalid value: "Big_One": a lowercase RFC 1123 label must consist of/,
    );
  });
});
