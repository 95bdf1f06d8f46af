import { describe, expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { createChanges } from '#common/changes.js';
import { createReadiness, type WatchedUnits } from './readiness.js';
import type { NodeWorker } from '../workers/node-worker.js';

interface FakeNode extends WatchedUnits {
  set(panel: string, up: boolean): void;
}

function createNode(...panels: string[]): FakeNode {
  const states = new Map(panels.map((panel) => [panel, false]));
  const changes = createChanges();
  const unitOf = (name: string): NodeWorker => {
    const link = { state: () => (states.get(name) === true ? { kind: 'up' } : { kind: 'absent' }) };
    return { panel: { name }, link } as unknown as NodeWorker;
  };
  return {
    changes,
    workers: () => [...states.keys()].map(unitOf),
    set: (panel, up) => {
      states.set(panel, up);
      changes.notify();
    },
  };
}

describe('readiness', () => {
  test('waits for each panel to answer once, and not for it to stay', () => {
    const readiness = createReadiness({ clock: createFakeClock() });
    const node = createNode('echo', 'logs');
    expect(readiness.reasons()).toEqual(['The agent starts.']);
    readiness.admitted(node);
    expect(readiness.reasons()).toHaveLength(2);
    node.set('echo', true);
    node.set('echo', false);
    node.set('logs', true);
    expect(readiness.reasons()).toEqual([]);
  });

  test('is not held up for ever by one broken panel', () => {
    const clock = createFakeClock();
    const readiness = createReadiness({ clock });
    readiness.admitted(createNode('broken'));
    clock.advance(29_999);
    expect(readiness.reasons()).toEqual([expect.stringContaining('"broken" has not answered yet')]);
    clock.advance(1);
    expect(readiness.reasons()).toEqual([]);
  });

  test('tells about the certificate all along, and about the end', () => {
    const readiness = createReadiness({ clock: createFakeClock() });
    const reasons = ['The certificate has expired.'];
    readiness.watchCertificate(() => reasons);
    readiness.admitted(createNode());
    expect(readiness.reasons()).toEqual(reasons);
    reasons.pop();
    expect(readiness.reasons()).toEqual([]);
    readiness.stopping();
    expect(readiness.reasons()).toEqual(['The agent stops.']);
  });
});
