import { describe, expect, test } from '@jest/globals';
import { stateFormat } from '#worker/handover/state-parts.js';
import { agentDaemonSetObject } from './initial-objects.js';

describe("the agents' DaemonSet of a new dev cluster", () => {
  const { metadata, spec } = agentDaemonSetObject('/dir');
  const template = spec.template.metadata;

  test('selects by the label that it names for taking a pod out', () => {
    const label = metadata.annotations?.['panelet.dev/detach-label'] ?? '';
    expect(Object.keys(spec.selector.matchLabels ?? {})).toContain(label);
    expect(template?.labels).toMatchObject(spec.selector.matchLabels ?? {});
    // By it a pod that was taken out is found all the same.
    expect(template?.labels?.['panelet.dev/component']).toBe('agent');
    expect(spec.selector.matchLabels).not.toHaveProperty(['panelet.dev/component']);
  });

  test('says in which format its workers hand over', () => {
    expect(template?.annotations?.['panelet.dev/handover']).toBe(String(stateFormat));
  });
});
