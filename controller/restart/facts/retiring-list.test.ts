import { expect, test } from '@jest/globals';
import type { Pod } from '#kube/objects.js';
import { retirementAnnotation } from '../api/annotations.js';
import { RetiringList } from './retiring-list.js';

const podOf = (uid: string, nodeName: string, restart?: string): Pod => ({
  metadata: {
    name: uid,
    uid,
    ...(restart === undefined
      ? {}
      : { annotations: { [retirementAnnotation]: JSON.stringify({ restart, target: 't' }) } }),
  },
  spec: { nodeName },
});

test('pods that retire are found by uid, by node and by the restart that replaced them', () => {
  const [first, second, third] = [podOf('1', 'a', 'r'), podOf('2', 'b', 'r'), podOf('3', 'a', 's')];
  const list = new RetiringList([first, second, third].map((pod) => ({ pod, sessions: 1 })));
  const names = (found: readonly { readonly pod: Pod }[]): string[] => found.map(({ pod }) => pod.metadata.name);
  expect([list.has('2'), list.has('4')]).toEqual([true, false]);
  expect([names(list.beside(podOf('4', 'a'))), names(list.beside(podOf('4', 'c')))]).toEqual([['1', '3'], []]);
  expect([names(list.replacedBy('r')), names(list.replacedBy('t'))]).toEqual([['1', '2'], []]);
});
