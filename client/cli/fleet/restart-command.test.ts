import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { startCli, type CliRun } from '#test/support/cli-run.js';

// Notes how it is called, and answers as kubectl would: the restart appears, goes on, and succeeds.
const fakeKubectl = `#!/bin/sh
echo "$@" >> "$CALLS"
case "$1" in
  annotate) for arg in "$@"; do case "$arg" in panelet.dev/restart=*) echo "\${arg#*=}" > "$CALLS.value";; esac; done ;;
  get)
    case "$2" in daemonset/*)
      [ -f "$CALLS.value" ] || { echo '{"metadata":{"annotations":{"panelet.dev/restart-error":"an old one"}}}'; exit; }
      [ -n "$REFUSAL" ] && { echo '{"metadata":{"annotations":{"panelet.dev/restart-error":"'"$REFUSAL"'"}}}'; exit; }
      echo '{"metadata":{"annotations":{"panelet.dev/restart-observed":"2:'"$(cat "$CALLS.value")"'"}}}'; exit ;;
    esac
    echo "1:someone-else"; echo '{"name":"x-1","namespace":"n"}'; echo '{"phase":"Succeeded","completionTime":"t"}'
    [ -n "$SILENT" ] && exec sleep 60
    value=$(cat "$CALLS.value")
    echo "2:$value"; echo '{"name":"x-2","namespace":"n"}'; echo '{"phase":"Running","pods":{"summary":"0/1"}}'
    [ -n "$PAUSED" ] && exec sleep 60
    echo "2:$value"; echo '{"name":"x-2","namespace":"n"}'
    echo '{"phase":"'"$PHASE"'","completionTime":"t","pods":{"summary":"1/1"},"sessions":{"summary":"3/3","forced":'"$FORCED"'}}'
    exec sleep 60 ;;
esac
`;

describe('restart', () => {
  let dir: string;
  let ran: CliRun;
  const cli = (
    args: string[],
    env: Record<string, string> = {},
    stop: AbortSignal = new AbortController().signal,
  ): Promise<number> => {
    const calling = { PATH: `${dir}:/usr/bin:/bin`, CALLS: join(dir, 'calls'), PHASE: 'Succeeded', FORCED: '0' };
    ran = startCli(args, { env: { ...calling, ...env }, homeDir: dir, stop });
    return ran.ended;
  };
  const run = (args: string[], env?: Record<string, string>): Promise<number> => cli(['restart', ...args], env);
  const calls = async (): Promise<string> => readFile(join(dir, 'calls'), 'utf8');

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'panelet-kubectl-'));
    await writeFile(join(dir, 'kubectl'), fakeKubectl);
    await chmod(join(dir, 'kubectl'), 0o755);
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  test('annotates, and leaves no option of an earlier request behind', async () => {
    expect(await run(['-n', 'n', '--reason', 'new CA', '--kubeconfig', '/k', '--context', 'c'])).toBe(0);
    expect((await calls()).split('\n')[1]).toMatch(
      /^annotate daemonset\/panelet-agent panelet\.dev\/restart=\S+ panelet\.dev\/restart-reason=new CA panelet\.dev\/drain-timeout- panelet\.dev\/on-timeout- panelet\.dev\/max-unavailable- --overwrite -n n --kubeconfig \/k --context c$/,
    );
    expect(ran.text).toContain('kubectl -n n get prs -w');
  });

  test('takes its options away from the target once they are written down, so that they are not those of the next', async () => {
    expect(await run(['-n', 'n', '--drain-timeout', '5s', '--reason', 'x'])).toBe(0);
    const made = (await calls()).split('\n').filter((line) => line.startsWith('annotate '));
    expect(made).toHaveLength(2);
    expect(made[1]).toBe(
      'annotate daemonset/panelet-agent panelet.dev/restart-reason- panelet.dev/drain-timeout- -n n',
    );
  });

  test('says, when its waiting is interrupted, that the restart goes on and how to call it off', async () => {
    const stop = new AbortController();
    const running = cli(['restart', '--wait', '-n', 'n'], { PAUSED: '1' }, stop.signal);
    while (!ran.text.includes('x-2: Running')) await new Promise((resolve) => setTimeout(resolve, 10));
    stop.abort('SIGINT');
    expect(await running).toBe(130);
    expect(ran.text).toContain(
      'The restart goes on. Watch it with: kubectl -n n get prs -w; call it off with: panelet abort x-2',
    );
  });

  test('takes what happens at the deadline in either case, and annotates it as the API has it', async () => {
    for (const policy of ['force', 'Force']) {
      expect(await run(['--on-timeout', policy])).toBe(0);
      expect(await calls()).toContain(' panelet.dev/on-timeout=Force ');
      await rm(join(dir, 'calls'));
    }
    expect(await run(['--on-timeout', 'perhaps'])).toBe(2);
    expect(ran.text).toContain('Allowed choices are abort, force, wait.');
  });

  test('completes what happens at the deadline as `drain` does', async () => {
    for (const command of ['restart', 'drain']) {
      await cli(['__complete', command, '--on-timeout', '']);
      expect(ran.text.split('\n').slice(0, 3)).toEqual(['abort', 'force', 'wait']);
    }
  });

  test('says what the controller does not accept, instead of that it was asked', async () => {
    for (const args of [[], ['--wait']]) {
      expect(await run(args, { REFUSAL: 'Annotation panelet.dev/notice is wrong.' })).toBe(1);
      expect(ran.text).toBe(
        'panelet: The controller does not restart daemonset/panelet-agent: Annotation panelet.dev/notice is wrong.\n',
      );
      await rm(join(dir, 'calls.value'));
    }
  });

  test('annotates nothing but a DaemonSet', async () => {
    expect(await run(['deployment/x'])).toBe(2);
    expect(ran.text).toContain('"deployment/x" is not a DaemonSet');
  });

  test('waits for its own restart, and shows how it goes', async () => {
    expect(await run(['--wait'])).toBe(0);
    expect(ran.text).toBe('x-2: Running · pods 0/1 · sessions -\nx-2: Succeeded · pods 1/1 · sessions 3/3\n');
  });

  test('has an exit code of its own when sessions were forced', async () => {
    expect(await run(['--wait'], { FORCED: '2' })).toBe(7);
  });

  test('fails when the restart does', async () => {
    expect(await run(['--wait'], { PHASE: 'Aborted' })).toBe(1);
    expect(ran.text).toContain('The restart x-2 ended as Aborted.');
  });

  test('gives up in time, and says what may be wrong', async () => {
    expect(await run(['--wait', '--timeout', '300ms'], { SILENT: '1' })).toBe(5);
    expect(ran.text).toContain('No controller has taken it up');
  });
});
