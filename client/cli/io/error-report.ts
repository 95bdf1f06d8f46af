import { PaneletError } from '#common/errors/errors.js';
import { exitCodeOf, exitCodeOfStop } from './exit-codes.js';
import type { CliWorld } from './cli-world.js';
import { writeDocument, type OutputFormat } from './output.js';

/** How an error is reported. */
export interface ErrorReportOptions {
  readonly format: OutputFormat;
  /** With the causes. */
  readonly verbose: boolean;
}

function causesOf(error: unknown): string[] {
  const lines: string[] = [];
  for (let cause = error; cause instanceof Error; cause = cause.cause) lines.push(cause.message);
  return lines;
}

/**
 * Says in one line what is wrong and what to do; as document `{error: {code, message, advice?, causes?}}` on standard output when
 * JSON or YAML was asked for. @returns the exit code.
 */
export function reportError(world: CliWorld, thrown: unknown, options: ErrorReportOptions): number {
  const error = PaneletError.from(thrown);
  const message = error.message.replace(/\s*\n\s*/g, ' ');
  const causes = options.verbose ? causesOf(error.cause) : [];
  if (options.format === 'json' || options.format === 'yaml') {
    writeDocument(world.stdout, options.format, {
      json: {
        error: {
          code: error.code,
          message,
          ...(error.advice === undefined ? {} : { advice: error.advice }),
          ...(causes.length > 0 ? { causes } : {}),
        },
      },
      lines: [],
    });
  }
  world.stderr.write(`panelet: ${message}\n`);
  for (const cause of causes) world.stderr.write(`  caused by: ${cause}\n`);
  return world.stop.aborted ? exitCodeOfStop(world.stop) : exitCodeOf(error.code);
}
