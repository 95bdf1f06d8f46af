/** One thing that a short run shows: a row with its numbers, or what is wrong with it. */
export interface Finding {
  readonly name: string;
  /** Undefined when all is well. */
  readonly problem: string | undefined;
}

/** Text of a run as lines for people, and the plain line that machines count. */
export function findingLines(findings: readonly Finding[]): readonly string[] {
  const failed = findings.filter(({ problem }) => problem !== undefined);
  return [
    ...failed.map(({ name, problem }) => `✗ ${name}: ${problem ?? ''}`),
    `${findings.length - failed.length} passed, ${failed.length} failed`,
  ];
}
