/** A comment of kube-score on a container of a workload; the container is empty when it is about the whole object. */
export interface ScoreComment {
  readonly check: string;
  readonly container: string;
}

interface ScoredObject {
  readonly checks: readonly {
    readonly check: { readonly id: string };
    readonly grade: number;
    readonly skipped: boolean;
    readonly comments: readonly { readonly path: string }[] | null;
  }[];
}

const allGood = 10;

/** Everything that kube-score does not find good in its own report (`score --output-format json`). */
export function scoreComments(report: string): readonly ScoreComment[] {
  return (JSON.parse(report) as readonly ScoredObject[]).flatMap(({ checks }) =>
    checks
      .filter(({ skipped, grade }) => !skipped && grade < allGood)
      .flatMap(({ check, comments }) => {
        const paths = comments?.map(({ path }) => path) ?? [];
        return (paths.length === 0 ? [''] : paths).map((container) => ({ check: check.id, container }));
      }),
  );
}

/** Check by check, which containers it is about: `every container`, or their names, sorted. `all` are the chart's containers. */
export function scoreSummary(
  comments: readonly ScoreComment[],
  all: readonly string[],
): Readonly<Record<string, string>> {
  const found = new Map<string, Set<string>>();
  for (const { check, container } of comments) found.set(check, (found.get(check) ?? new Set()).add(container));
  const entries = [...found].map(([check, names]) => {
    const isEvery = all.every((name) => names.has(name));
    return [check, isEvery ? 'every container' : [...names].sort().join(', ')] as const;
  });
  return Object.fromEntries(entries);
}

/** What docs/reference/chart.md says of kube-score, in the same form. */
export function documentedScore(page: string): Readonly<Record<string, string>> {
  const section = page.slice(page.indexOf('## What kube-score says'));
  const rows = [...section.matchAll(/^\| `([a-z-]+)` \| ([^|]+) \| .+ \|$/gm)];
  return Object.fromEntries(rows.map(([, check = '', containers = '']) => [check, containers.replaceAll('`', '')]));
}
