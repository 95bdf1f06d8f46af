import { countText } from '#common/count-text.js';
import { PaneletError } from '#common/errors/errors.js';
import { ReloadStep, type ReloadResponse } from '#proto/agent/v1/agent.js';
import { formatOf, report, type CliContext } from '../access/cli-context.js';
import { exitCodes } from '../io/exit-codes.js';
import { withGate } from './gate-commands.js';

/** Flags of `reload`. */
export interface ReloadFlags {
  readonly workers?: boolean;
  readonly panel?: readonly string[];
  readonly changed?: boolean;
}

/**
 * `panelet reload`: has the agent take up what has changed, and replaces workers where that is asked for. JSON: `{steps}`, each with
 * `panel`, `step`, `message`, `pid`, `sessions` and `counts`. @returns the exit code
 */
export async function reloadCommand(context: CliContext, flags: ReloadFlags): Promise<number> {
  const { workers = false, panel: panels = [], changed: changedOnly = false } = flags;
  if (!workers && (panels.length > 0 || changedOnly)) {
    throw new PaneletError('CONFIG_INVALID', '--panel and --changed choose workers: they need --workers.');
  }
  const isLive = formatOf(context) === 'table' || formatOf(context) === 'wide';
  const steps: ReloadResponse[] = [];
  await withGate(context, async (gate) => {
    for await (const step of gate.reload({ workers, panels: [...panels], changedOnly, reason: '' })) {
      steps.push(step);
      if (isLive) context.world.stdout.write(`${stepLine(step)}\n`);
      if (context.world.stop.aborted) throw new PaneletError('TIMEOUT', 'Interrupted; the agent goes on.');
    }
  });
  const rest =
    steps.length > 0 ? [] : [workers ? 'Nothing was to be replaced.' : 'The agent has taken up what it can.'];
  report(context, { json: { steps: steps.map(stepJson) }, lines: isLive ? rest : steps.map(stepLine) });
  return steps.some(({ step }) => step === ReloadStep.FAILED) ? exitCodes.failure.code : exitCodes.ok.code;
}

function stepJson({ step, ...rest }: ReloadResponse): object {
  return { ...rest, step: ReloadStep[step] };
}

function stepLine(response: ReloadResponse): string {
  return `${response.panel}: ${stepText(response)}`;
}

function stepText({ step, pid, message, sessions, counts }: ReloadResponse): string {
  switch (step) {
    case ReloadStep.STARTED:
      return `a new worker is started (process ${pid}).`;
    case ReloadStep.SERVES:
      return `process ${pid} serves; the one before has ${countText(sessions, 'session')}.`;
    case ReloadStep.RETIRED: {
      if (counts === undefined && message !== '') return message.replace(/^The/, 'the');
      const { moved = 0, checkpointed = 0, finished = 0 } = counts ?? {};
      return `process ${pid} has ended: ${moved} moved, ${checkpointed} written down, ${finished} finished.`;
    }
    case ReloadStep.RETIRING:
      return `process ${pid} goes on until its last session has ended (${sessions} now).${message === '' ? '' : ` ${message}`}`;
    default:
      return `not replaced. ${message}`;
  }
}
