import { expect, test } from '@jest/globals';
import type { Pod } from '#kube/objects.js';
import { gateAddressOf } from './gate-provider.js';

interface Port {
  readonly name?: string;
  readonly containerPort: number;
}

function podWith(...containers: (readonly Port[] | undefined)[]): Pod {
  return {
    metadata: { name: 'p', namespace: 'n', uid: 'u' },
    spec: {
      nodeName: 'n1',
      containers: containers.map((ports, index) => ({ name: `c${index}`, ...(ports === undefined ? {} : { ports }) })),
    },
    status: { podIP: '10.0.0.7' },
  };
}

const gate = { name: 'gate', containerPort: 7443 };
const control = { name: 'gate-control', containerPort: 7445 };

test.each<[string, Pod, number | undefined]>([
  ['the port for controllers', podWith([gate, control]), 7445],
  ['that port wherever it is declared', podWith([gate], [control]), 7445],
  ['the port of the gate, where there is no other', podWith(undefined, [gate]), 7443],
  [
    'no port that is called otherwise',
    podWith([{ name: 'control', containerPort: 1 }, { containerPort: 2 }]),
    undefined,
  ],
])('a controller dials %s', (_what, pod, port) => {
  const found = gateAddressOf(pod);
  expect(found).toEqual(port === undefined ? undefined : { host: '10.0.0.7', port, serverName: 'n1.node.panelet.dev' });
});

test('a pod without an address has no gate yet', () => {
  expect(gateAddressOf({ ...podWith([gate]), status: {} })).toBeUndefined();
});
