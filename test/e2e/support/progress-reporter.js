/** Jest reporter that says how each test went when it is over: the files take minutes. */
export default class ProgressReporter {
  onTestFileStart(test) {
    process.stdout.write(`${test.path.split('/').at(-1)}\n`);
  }
  onTestCaseResult(_test, result) {
    const seconds = ((result.duration ?? 0) / 1000).toFixed(1);
    const mark = { passed: '✓', failed: '✗' }[result.status] ?? '-';
    const tries = (result.invocations ?? 1) > 1 ? ', second try' : '';
    process.stdout.write(`  ${mark} ${result.title} (${seconds} s${tries})\n`);
    for (const message of result.failureMessages) process.stdout.write(`${message.replaceAll(/^/gm, '    ')}\n`);
  }
}
