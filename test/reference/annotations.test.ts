import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { viaAnnotation } from '#client/cli/cluster/agent-pods.js';
import { floorAnnotation, raisedAnnotation } from '#controller/lease/fencing-count.js';
import * as annotations from '#controller/restart/api/annotations.js';
import * as caSecret from '#controller/tls/ca-secret.js';

test('docs/reference/annotations.md describes every annotation, label and finalizer, and no other', () => {
  const text = readFileSync(new URL('../../docs/reference/annotations.md', import.meta.url), 'utf8');
  const described = [...text.matchAll(/^\| `([a-z-]+(?:\.[a-z-]+)+\/[a-z-]+)` \|/gm)].map((match) => match[1]);
  const ofTheLease = [floorAnnotation, raisedAnnotation];
  const ofTheCa = Object.values(caSecret).filter((value) => typeof value === 'string');
  const ofTheController = Object.values(annotations).filter((value) => typeof value === 'string');
  const ofTheChart = readFileSync(new URL('../../charts/panelet/templates/_helpers.tpl', import.meta.url), 'utf8')
    .concat(
      readFileSync(new URL('../../charts/panelet/templates/admission/least-privilege.yaml', import.meta.url), 'utf8'),
    )
    .match(/\bpanelet\.dev\/[a-z-]+/g);
  const used = [
    ...ofTheLease,
    ...ofTheCa,
    ...ofTheController,
    ...(ofTheChart ?? []),
    'panelet.dev/handover',
    viaAnnotation,
  ];
  expect([...described].sort()).toEqual([...new Set(used)].sort());
});
