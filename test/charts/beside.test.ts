import { describe, expect, jest, test } from '@jest/globals';
import { agentDaemonSetObject } from '#devcluster/host/initial-objects.js';
import { containersOf, podOf, render, type Manifest } from './chart.js';

// Every rendering is a run of helm.
jest.setTimeout(60_000);

type Labels = Readonly<Record<string, string>>;

const label = 'panelet.dev/in-daemonset';
const rendered = render({
  values: {
    agent: { podDisruptionBudget: { enabled: true } },
    monitoring: { podMonitor: { enabled: true, credentials: { name: 'token' } } },
  },
});
const daemonSets = ['panelet-agent', 'panelet-host'].map((name) => rendered.get('DaemonSet', name));
const templateOf = ({ spec }: Manifest): Labels => spec?.template?.metadata.labels ?? {};
const annotationsOf = (values: object, name: string): Labels => render({ values }).get('DaemonSet', name).metadata.annotations ?? {};

/** What an object selects pods by, wherever it says so. */
function selectorOf({ kind, spec }: Manifest): Labels | undefined {
  const at = spec as { selector?: Labels & { matchLabels?: Labels }; podSelector?: { matchLabels?: Labels } } | undefined;
  if (kind === 'Service') return at?.selector;
  return at?.selector?.matchLabels ?? at?.podSelector?.matchLabels;
}

const matches = (selector: Labels, labels: Labels): boolean =>
  Object.entries(selector).every(([key, value]) => labels[key] === value);

describe.each(daemonSets.map((set) => [set.metadata.name, set] as const))('a pod of %s', (_name, set) => {
  const { [label]: mark, ...others } = templateOf(set);

  test('is taken out of it by one label, which the DaemonSet names', () => {
    expect(set.metadata.annotations?.['panelet.dev/detach-label']).toBe(label);
    expect(mark).toBe('true');
    const selector = selectorOf(set)!;
    expect(selector[label]).toBe('true');
    expect(matches(selector, templateOf(set))).toBe(true);
    expect(matches(selector, others)).toBe(false);
  });

  test('is then found by all that found it, but by its DaemonSet', () => {
    const selecting = rendered.manifests.filter((manifest) => {
      const selector = selectorOf(manifest);
      return selector !== undefined && matches(selector, templateOf(set));
    });
    const lost = selecting.filter((manifest) => !matches(selectorOf(manifest)!, others));
    const isAgent = set.metadata.name === 'panelet-agent';
    expect(lost.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([`DaemonSet ${set.metadata.name}`]);
    const kinds = selecting.map(({ kind }) => kind);
    expect(kinds).toEqual(
      expect.arrayContaining(isAgent ? ['NetworkPolicy', 'PodDisruptionBudget', 'PodMonitor', 'Service'] : ['NetworkPolicy']),
    );
  });

  test('keeps who it is, by which programs find it', () => {
    expect(others['panelet.dev/component']).toBe(set.metadata.name.slice('panelet-'.length));
  });
});

test('pods of agents and hosts are told apart without the label, too', () => {
  const [agent, host] = daemonSets;
  expect(matches(selectorOf(agent!)!, templateOf(host!))).toBe(false);
  expect(matches(selectorOf(host!)!, templateOf(agent!))).toBe(false);
});

test('the dev cluster names the same label', () => {
  const { metadata, spec } = agentDaemonSetObject('/dir');
  expect(metadata.annotations?.['panelet.dev/detach-label']).toBe(label);
  expect(spec.selector.matchLabels?.[label]).toBe('true');
});

test.each<[object, Labels]>([
  [{}, { 'panelet.dev/warm-timeout': '60s' }],
  [{ maxSurge: null }, { 'panelet.dev/warm-timeout': '60s' }],
  [{ maxSurge: 0 }, { 'panelet.dev/max-surge': '0', 'panelet.dev/warm-timeout': '60s' }],
  [{ maxSurge: '25%', warmTimeoutSeconds: 300 }, { 'panelet.dev/max-surge': '25%', 'panelet.dev/warm-timeout': '300s' }],
])('the strategy %j is asked of agents and hosts', (strategy, expected) => {
  for (const name of ['panelet-agent', 'panelet-host']) {
    const annotations = Object.entries(annotationsOf({ strategy }, name));
    const asked = annotations.filter(([key]) => /max-surge|warm-timeout/.test(key));
    expect(Object.fromEntries(asked)).toEqual(expected);
  }
});

test('an agent’s pod has a directory of its own only where a worker writes to it: else kubectl drain asks about it', () => {
  const own = (panels: object) => {
    const pod = podOf(render({ values: { panels } }).get('DaemonSet', 'panelet-agent'))!;
    const mounted = containersOf(pod).filter(({ volumeMounts = [] }) => volumeMounts.some((mount) => mount.name === 'tmp'));
    const made = (pod.volumes ?? []).filter(({ emptyDir }) => emptyDir !== undefined).map((volume) => volume.name);
    return { made, mounted: mounted.map((container) => container.name) };
  };
  expect(own({ echo: { enabled: true } })).toEqual({ made: [], mounted: [] });
  const mine = { target: 'agent', image: 'example/panel:1' };
  expect(own({ mine })).toEqual({ made: ['tmp'], mounted: ['worker-mine'] });
  const shells = own({ terminal: { target: 'agent' } });
  expect(shells.made.sort()).toEqual(['names', 'tmp']);
  expect(shells.mounted.sort()).toEqual(['prepare', 'worker-terminal']);
});
