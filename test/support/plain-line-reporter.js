/** Jest reporter that makes `N passed, N failed` the last line of a run, for machines that count. */
export default class PlainLineReporter {
  onRunComplete(_contexts, results) {
    const crashedSuites = results.testResults.filter((suite) => suite.testExecError !== undefined).length;
    const failed = results.numFailedTests + crashedSuites;
    const skipped = results.numPendingTests + results.numTodoTests;
    const tail = skipped > 0 ? `, ${String(skipped)} skipped` : '';
    const line = `${String(results.numPassedTests)} passed, ${String(failed)} failed${tail}\n`;
    // Jest prints its own summary after all reporters.
    process.once('exit', () => process.stdout.write(line));
  }
}
