import { expect, test } from '@jest/globals';
import { documentedScore, scoreComments, scoreSummary } from './kube-score.js';

const check = (id: string, grade: number, paths: readonly string[], skipped = false) => ({
  ...{ check: { id }, grade, skipped },
  comments: paths.length === 0 ? null : paths.map((path) => ({ path, summary: '' })),
});

test('what kube-score finds good, or was not asked about, is no comment', () => {
  const report = [
    { checks: [check('good', 10, []), check('optional', 1, [''], true), check('bad', 1, ['a', 'b']), check('whole', 5, [])] },
    { checks: [check('bad', 1, ['c'])] },
  ];
  const comments = scoreComments(JSON.stringify(report));
  expect(comments).toEqual([
    ...['a', 'b'].map((container) => ({ check: 'bad', container })),
    { check: 'whole', container: '' },
    { check: 'bad', container: 'c' },
  ]);
  expect(scoreSummary(comments, ['a', 'b', 'c'])).toEqual({ bad: 'every container', whole: '' });
  expect(scoreSummary(comments, ['a', 'b', 'c', 'd'])).toEqual({ bad: 'a, b, c', whole: '' });
});

test('the page is read in the same form', () => {
  const page = '| `not-it` | x | y |\n\n## What kube-score says\n\n| `bad` | `a`, `b` | why |\n| `resources` | every container | why |\n';
  expect(documentedScore(page)).toEqual({ bad: 'a, b', resources: 'every container' });
});
