import { PaneletError } from '#common/errors/errors.js';
import { defaultNamespace } from '../cluster/agent-pods.js';
import { kubectlOf, report, type CliContext } from '../access/cli-context.js';
import { conditionMessage, type RestartObject } from './restart-object.js';
import { watchStatus } from './watch-status.js';

/** What can be done to a restart under way. */
export type RestartSwitch = 'pause' | 'resume' | 'abort';

const switches = {
  pause: { patch: { paused: true }, done: 'paused' },
  resume: { patch: { paused: false }, done: 'resumed' },
  abort: { patch: { abort: true }, done: 'called off' },
} as const;

// A controller answers within a second; one that is being replaced takes a few.
const answerMs = 10_000;

function isOver({ status }: RestartObject): boolean {
  return status?.completionTime !== undefined;
}

/** @throws RESTART_OVER where there is nothing left to do it to. */
function requireOpen(restart: RestartObject, kind: RestartSwitch): void {
  const { name } = restart.metadata;
  const { done } = switches[kind];
  if (isOver(restart)) {
    const { phase, completionTime } = restart.status ?? {};
    const message = `The restart ${name} cannot be ${done}: it ended as ${phase ?? '?'} at ${completionTime ?? '?'}.`;
    throw new PaneletError('RESTART_OVER', message);
  }
  if (kind !== 'abort' && restart.spec?.abort === true) {
    throw new PaneletError('RESTART_OVER', `The restart ${name} cannot be ${done}: it is being called off.`);
  }
}

/** What is said of a restart that is as asked already; undefined where it is not. */
function alreadySo({ metadata, spec }: RestartObject, kind: RestartSwitch): string | undefined {
  if (kind === 'pause' && spec?.paused === true) return `The restart ${metadata.name} was paused before.`;
  if (kind === 'resume' && spec?.paused !== true) return `The restart ${metadata.name} was not paused.`;
  if (kind === 'abort' && spec?.abort === true) return `The restart ${metadata.name} is being called off already.`;
  return undefined;
}

/** Waits until a controller has seen the change. @throws TIMEOUT when none does. */
async function waitForController(context: CliContext, patched: RestartObject): Promise<RestartObject> {
  const { name, namespace, generation = 0 } = patched.metadata;
  for await (const status of watchStatus(context, { name, namespace }, answerMs)) {
    if ((status.observedGeneration ?? 0) >= generation) return { ...patched, status };
  }
  const message = `The change of the restart ${name} is written down, but no controller has taken it up within ${answerMs / 1000} s: check that panelet-controller runs.`;
  throw new PaneletError('TIMEOUT', message);
}

/** What became of it, in the controller's words. */
function saidOf(context: CliContext, restart: RestartObject, kind: RestartSwitch): string {
  const { name } = restart.metadata;
  const phase = restart.status?.phase ?? 'Pending';
  const why = conditionMessage(restart, 'Reconciling');
  switch (kind) {
    case 'pause':
      return `The restart ${name} starts no further pod; pods under way are finished. Go on with: ${context.world.name} resume ${name}`;
    case 'resume':
      return `The restart ${name} goes on. It is ${phase}. ${why}`.trim();
    case 'abort':
      return phase === 'Aborted'
        ? `The restart ${name} is called off. What it cordoned serves again.`
        : `The restart ${name} is being called off. It is ${phase}. ${why}`.trim();
  }
}

/** What has become of a restart that was switched. */
export interface SwitchedRestart {
  readonly restart: string;
  readonly namespace: string;
  /** The spec as far as it was asked to change. */
  readonly spec: { readonly paused?: boolean; readonly abort?: boolean };
  readonly phase: string;
  /** For people. */
  readonly text: string;
}

/** Pauses, resumes or aborts a restart, and waits until a controller has seen it. @throws RESTART_OVER when it is too late. */
export async function switchRestart(context: CliContext, kind: RestartSwitch, name: string): Promise<SwitchedRestart> {
  const namespace = context.flags.namespace ?? defaultNamespace;
  const { patch } = switches[kind];
  const kubectl = kubectlOf(context, context.world.stop);
  const read = ['get', 'panelrestart', name, '-n', namespace, '-o', 'json'];
  const before = JSON.parse(await kubectl.run(read)) as RestartObject;
  requireOpen(before, kind);
  const said = { restart: name, namespace, spec: patch };
  const already = alreadySo(before, kind);
  if (already !== undefined) return { ...said, phase: before.status?.phase ?? 'Pending', text: already };
  const change = ['patch', 'panelrestart', name, '-n', namespace, '--type', 'merge', '-o', 'json', '-p'];
  const patched = JSON.parse(await kubectl.run([...change, JSON.stringify({ spec: patch })])) as RestartObject;
  const after = await waitForController(context, patched);
  // It may have ended by itself between two looks.
  if (isOver(after) && !(kind === 'abort' && after.status?.phase === 'Aborted')) requireOpen(after, kind);
  return { ...said, phase: after.status?.phase ?? 'Pending', text: saidOf(context, after, kind) };
}

/**
 * `panelet pause`, `resume` and `abort` of a restart: says what has become of it. JSON: `{restart, namespace, spec, phase}`,
 * the spec as far as it was asked to change. @throws RESTART_OVER when it is too late.
 */
export async function switchRestartCommand(context: CliContext, kind: RestartSwitch, name: string): Promise<void> {
  const { text, ...said } = await switchRestart(context, kind, name);
  report(context, { json: said, lines: [text] });
}
