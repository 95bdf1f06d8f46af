import type { Clock } from '#common/time/clock.js';
import { withDeadline } from '#common/time/deadline.js';
import { medianFigure, type Figure } from './figure.js';

/** One line of a table: a figure for each peer. */
export interface Line {
  readonly table: string;
  readonly title: string;
  readonly better: 'more' | 'less';
  readonly format: (value: number) => string;
}

/** What is measured of each subject in turn, round by round: one figure for each line. */
export interface Series<Subject> {
  readonly lines: readonly Line[];
  readonly measure: (subject: Subject) => Promise<readonly Figure[]>;
}

/** A line with its medians, in the order of the subjects. */
export interface MeasuredLine {
  readonly line: Line;
  readonly figures: readonly Figure[];
}

/** How a series is measured. */
export interface SeriesOptions {
  readonly clock: Clock;
  readonly rounds: number;
  /** Told of each measurement that failed; its figure is `failed`. */
  readonly onFailure: (message: string) => void;
}

const limitMs = 180_000;

/** Measures all subjects in turn in each round. */
export async function measureSeries<Subject extends { readonly name: string }>(
  { lines, measure }: Series<Subject>,
  subjects: readonly Subject[],
  { clock, rounds, onFailure }: SeriesOptions,
): Promise<readonly MeasuredLine[]> {
  const samples = subjects.map((): (readonly Figure[])[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, subject] of subjects.entries()) {
      try {
        samples[index]?.push(await withDeadline({ clock, limitMs }, () => measure(subject)));
      } catch (error) {
        onFailure(`${subject.name}, ${lines[0]?.title ?? ''}: ${(error as Error).message}`);
        samples[index]?.push(lines.map(() => 'failed'));
      }
    }
  }
  return lines.map((line, index) => ({
    line,
    figures: samples.map((rows) => medianFigure(rows.map((row) => row[index] ?? 'failed'))),
  }));
}
