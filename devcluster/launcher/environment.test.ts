import { describe, expect, test } from '@jest/globals';
import { containerCommand, containerEnvironment } from './environment.js';
import { createEntryPoints } from './entry-points.js';
import { expandReferences } from './expand.js';
import type { Container, StoredPod } from './pod.js';

const place = { nodeName: 'node-a', podIp: '127.1.2.3', hostIp: '127.1.2.4' };
const pod: StoredPod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'ns', uid: 'u', labels: { 'a/b': 'c' } },
  spec: { containers: [] },
};

function container(parts: Partial<Container>): Container {
  return { name: 'c', image: 'i', ...parts };
}

describe('references in a container', () => {
  test.each([
    ['$(A)', '1'],
    ['x$(A)y$(A)', 'x1y1'],
    ['$$(A)', '$(A)'],
    ['$(UNKNOWN)', '$(UNKNOWN)'],
    ['$A and $', '$A and $'],
    ['$(A', '$(A'],
  ])('%s becomes %s', (text, expanded) => {
    expect(expandReferences(text, { A: '1' })).toBe(expanded);
  });
});

describe('environment of a container', () => {
  test('takes values from the fields of its pod', () => {
    const fields = ['metadata.name', 'metadata.uid', 'spec.nodeName', 'status.podIP', "metadata.labels['a/b']"];
    const env = fields.map((fieldPath, index) => ({ name: `V${index}`, valueFrom: { fieldRef: { fieldPath } } }));
    expect(Object.values(containerEnvironment(container({ env }), pod, place))).toEqual([
      'p',
      'u',
      'node-a',
      '127.1.2.3',
      'c',
    ]);
  });

  test('lets a value refer to the ones before it, and the command to all', () => {
    const env = [
      { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
      { name: 'FILE', value: '/x/$(NODE)/$(LATER)' },
      { name: 'LATER', value: '1' },
    ];
    const subject = container({ env, command: ['run', '$(FILE)'], args: ['--n=$(LATER)'] });
    const environment = containerEnvironment(subject, pod, place);
    expect(environment['FILE']).toBe('/x/node-a/$(LATER)');
    expect(containerCommand(subject, environment)).toEqual(['run', '/x/node-a/$(LATER)', '--n=1']);
  });

  test('refuses a source that the dev cluster does not have, by name', () => {
    const env = [{ name: 'SECRET', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }];
    expect(() => containerEnvironment(container({ env }), pod, place)).toThrow(/SECRET.*secretKeyRef/);
  });
});

describe('entry points', () => {
  test('run the programs of the image as local ones', () => {
    const entryPoints = createEntryPoints({ programs: { agent: ['node', 'agent.js'] } });
    expect(entryPoints.resolve(['agent', '--x'])).toEqual(['node', 'agent.js', '--x']);
  });

  test('refuse other programs unless asked to run any', () => {
    expect(() => createEntryPoints({ programs: {} }).resolve(['sh'])).toThrow(/allow-any-program/);
    expect(createEntryPoints({ programs: {}, allowAnyProgram: true }).resolve(['sh', '-c', 'x'])).toEqual([
      'sh',
      '-c',
      'x',
    ]);
  });
});
