import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { containersOf, podOf, type Manifest } from '#test/charts/chart.js';
import { documentedScore, scoreComments, scoreSummary } from '#test/charts/kube-score.js';
import { readEnvironment } from './support/environment.js';
import { outputOf, runProgram } from './support/run-program.js';

test('kube-score says of the chart what is documented, and nothing else', async () => {
  const { root, helm, kubeScore } = readEnvironment();
  const chart = await outputOf(helm, ['template', 'panelet', join(root, 'charts/panelet'), '-n', 'panelet-system']);
  const pods = parseAllDocuments(chart).map((document) => podOf(document.toJS() as Manifest));
  const all = pods.flatMap((pod) => (pod === undefined ? [] : containersOf(pod).map(({ name }) => name)));
  const args = ['score', '--output-format', 'json', '--kubernetes-version', 'v1.31', '-'];
  // It exits with 1 when there is anything to say.
  const { stdout } = await runProgram(kubeScore, args, { input: chart });
  const page = readFileSync(join(root, 'docs/reference/chart.md'), 'utf8');
  expect(scoreSummary(scoreComments(stdout), all)).toEqual(documentedScore(page));
});
