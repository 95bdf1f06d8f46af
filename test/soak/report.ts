import { isFlawless, type EchoVerdict } from '#test/support/echo-load.js';
import { summarizeDurations } from '#common/time/percentiles.js';
import { formatBytes, formatMs, textTable } from '#test/support/text-table.js';
import { isSoakFlawless, type SoakResult } from './soak.js';

function sum(verdicts: readonly EchoVerdict[], field: (verdict: EchoVerdict) => number): number {
  return verdicts.reduce((total, verdict) => total + field(verdict), 0);
}

function restartRows(result: SoakResult): string[][] {
  return [...new Set(result.restarts.map(({ kind }) => kind))].sort().map((kind) => {
    const took = summarizeDurations(
      result.restarts.filter((record) => record.kind === kind).map(({ tookMs }) => tookMs),
    );
    return [kind, String(took.count), formatMs(took.p50), formatMs(took.max)];
  });
}

function sessionRows(verdicts: readonly EchoVerdict[]): string[][] {
  const gaps = summarizeDurations(verdicts.flatMap((verdict) => verdict.gapsMs));
  const silences = summarizeDurations(verdicts.map(({ longestSilenceMs }) => longestSilenceMs));
  const equal = verdicts.filter((v) => v.sentSha256 === v.sha256 && v.sentSha256 === v.panelSha256).length;
  return [
    ['sessions', String(verdicts.length)],
    ['bytes sent', formatBytes(sum(verdicts, (verdict) => verdict.sentBytes))],
    ['bytes received', formatBytes(sum(verdicts, (verdict) => verdict.bytes))],
    ['sessions whose three SHA-256 agree (client sent, panel, client received)', String(equal)],
    ['lost', String(sum(verdicts, (verdict) => verdict.lost))],
    ['duplicated', String(sum(verdicts, (verdict) => verdict.duplicated))],
    ['reordered', String(sum(verdicts, (verdict) => verdict.reordered))],
    ['corrupt', String(sum(verdicts, (verdict) => verdict.corrupt))],
    ['client-visible errors', String(sum(verdicts, (verdict) => verdict.errors.length))],
    ['resumes', String(sum(verdicts, (verdict) => verdict.resumes))],
    ['moves, attached all the time', String(sum(verdicts, (verdict) => verdict.moves))],
    ['time without attachment, p50', formatMs(gaps.p50)],
    ['time without attachment, p99', formatMs(gaps.p99)],
    ['time without attachment, max', formatMs(gaps.max)],
    ['longest silence of a session, p50', formatMs(silences.p50)],
    ['longest silence of a session, max', formatMs(silences.max)],
  ];
}

function problemLines(result: SoakResult): string[] {
  const sessions = result.verdicts.flatMap((verdict, index) => {
    if (isFlawless(verdict)) return [];
    const hashes = [verdict.sentSha256, verdict.panelSha256, verdict.sha256].map((hash) => hash.slice(0, 12)).join(' ');
    const what = verdict.errors.length > 0 ? verdict.errors.join('; ') : `hashes ${hashes}`;
    return [
      `session ${index}: sent ${verdict.sentBytes}, panel ${verdict.panelBytes}, received ${verdict.bytes}: ${what}`,
    ];
  });
  return [...result.problems, ...sessions];
}

/** What a soak prints at its end. */
export function soakReport(result: SoakResult): string[] {
  const problems = problemLines(result);
  return [
    '',
    ...textTable(['restart', 'count', 'p50', 'max'], restartRows(result)),
    '',
    ...textTable(['sessions', ''], sessionRows(result.verdicts)),
    '',
    ...problems.slice(0, 20).map((line) => `! ${line}`),
    `${isSoakFlawless(result) ? 'Holds' : 'DOES NOT HOLD'}: ${result.restarts.length} restarts in ${formatMs(result.tookMs)}.`,
  ];
}
