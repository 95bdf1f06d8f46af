import { PaneletError } from '#common/errors/errors.js';
import { report, type CliContext } from '../access/cli-context.js';
import { exitCodes } from '../io/exit-codes.js';
import { askForRestart, type RestartWish } from './ask-for-restart.js';
import { conditionMessage, restartSummary, type RestartObject } from './restart-object.js';
import { watchLines } from './watch-lines.js';

/** Flags of `restart`. */
export interface RestartFlags extends RestartWish {
  readonly wait?: boolean;
  /** Of waiting, in milliseconds. */
  readonly timeout: number;
}

/** Follows the restart that a value asked for, until it is finished. */
async function follow(
  context: CliContext,
  namespace: string,
  flags: RestartFlags,
  value: string,
): Promise<RestartObject> {
  const { world } = context;
  const requested = 'panelet\\.dev/restart-requested';
  const path = `{.metadata.annotations.${requested}}{"\\n"}{.metadata}{"\\n"}{.status}{"\\n"}`;
  const watch = ['get', 'panelrestarts', '-n', namespace, '-w', '-o', `jsonpath=${path}`];
  let shown = '';
  let name = 'RESTART';
  const block: string[] = [];
  try {
    for await (const line of watchLines(context, watch, flags.timeout)) {
      block.push(line);
      if (block.length < 3) continue;
      const [asked = '', metadata = '{}', status = ''] = block.splice(0);
      // <counter>:<value>
      if (asked.replace(/^\d+:/, '') !== value) continue;
      const restart = {
        metadata: JSON.parse(metadata) as RestartObject['metadata'],
        status: JSON.parse(status === '' ? '{}' : status) as NonNullable<RestartObject['status']>,
      };
      // The last word is the result of the command.
      if (restart.status.completionTime !== undefined) return restart;
      ({ name } = restart.metadata);
      const summary = restartSummary(restart);
      if (summary !== shown) world.stderr.write(`${name}: ${summary}\n`);
      shown = summary;
    }
  } catch (error) {
    if (!world.stop.aborted) throw error;
    // Who ends the waiting has not ended the restart.
    const message = `The restart goes on. Watch it with: kubectl -n ${namespace} get prs -w; call it off with: ${world.name} abort ${name}`;
    throw new PaneletError('TIMEOUT', message, { cause: error });
  }
  const seen =
    shown === '' ? 'No controller has taken it up: check that panelet-controller runs.' : `It is at: ${shown}.`;
  throw new PaneletError('TIMEOUT', `The restart did not finish within ${flags.timeout / 1000} s. ${seen}`);
}

/**
 * `panelet restart`: asks for a restart by annotation, as `kubectl annotate` does. JSON: `{target, namespace, value, takenUp}`,
 * with `--wait` also `{restart, phase, status}`. @returns the exit code.
 */
export async function restartCommand(context: CliContext, named: string, flags: RestartFlags): Promise<number> {
  const { isTaken, ...asked } = await askForRestart(context, named, flags);
  const { target, namespace, value } = asked;
  if (flags.wait !== true) {
    const line = isTaken
      ? `A restart of ${target} has been asked for. Watch it with: kubectl -n ${namespace} get prs -w`
      : `A restart of ${target} has been asked for, but no controller has taken it up yet: check that panelet-controller runs.`;
    report(context, { json: { ...asked, takenUp: isTaken }, lines: [line] });
    return exitCodes.ok.code;
  }
  const restart = await follow(context, namespace, flags, value);
  const phase = restart.status?.phase ?? 'Pending';
  report(context, {
    json: { ...asked, restart: restart.metadata.name, phase, status: restart.status },
    lines: [`${restart.metadata.name}: ${restartSummary(restart)}`],
  });
  if (phase !== 'Succeeded') {
    const why = conditionMessage(restart, 'Stalled');
    throw new PaneletError('RESTART_FAILED', `The restart ${restart.metadata.name} ended as ${phase}. ${why}`.trim());
  }
  return (restart.status?.sessions?.forced ?? 0) > 0 ? exitCodes.forced.code : exitCodes.ok.code;
}
