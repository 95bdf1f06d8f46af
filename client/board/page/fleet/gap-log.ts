import { summarizeDurations, type DurationSummary } from '#common/time/percentiles.js';

/** A time in which a session of this page could not go on. */
export interface SessionGap {
  readonly session: string;
  readonly ms: number;
  readonly cause: GapCause;
  /** RFC 3339. */
  readonly at: string;
}

/** Why: it moved, its agent was restarted, or the connection was cut. */
export type GapCause = 'moved' | 'restart' | 'cut';

/** Causes, in the order in which they are told. */
export const gapCauses: readonly GapCause[] = ['moved', 'restart', 'cut'];

const mostGaps = 1_000;

/** With one more; two views of a session tell of the same one. */
export function withGap(gaps: readonly SessionGap[], gap: SessionGap): readonly SessionGap[] {
  if (gaps.some(({ session, at }) => session === gap.session && at === gap.at)) return gaps;
  return [...gaps, gap].slice(-mostGaps);
}

/** All of them in figures, and those of each cause that there is. */
export function gapFigures(
  gaps: readonly SessionGap[],
): readonly { readonly of: GapCause | 'all'; readonly figures: DurationSummary }[] {
  const figures = (of: readonly SessionGap[]): DurationSummary => summarizeDurations(of.map(({ ms }) => ms));
  const byCause = gapCauses.map((cause) => ({
    of: cause,
    figures: figures(gaps.filter((gap) => gap.cause === cause)),
  }));
  return [{ of: 'all', figures: figures(gaps) }, ...byCause.filter((each) => each.figures.count > 0)];
}
