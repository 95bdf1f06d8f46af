import { defaultNamespace } from './agent-pods.js';
import { kubectlOf, report, type CliContext } from './cli-context.js';

/** What can be done to a restart under way. */
export type RestartSwitch = 'pause' | 'resume' | 'abort';

const switches = {
  pause: { patch: { paused: true }, said: 'starts no further pod. Pods under way are finished' },
  resume: { patch: { paused: false }, said: 'goes on' },
  abort: { patch: { abort: true }, said: 'is called off. What it cordoned serves again' },
} as const;

/** `panelet pause`, `resume` and `abort` of a restart. JSON: `{restart, namespace, spec}`, the spec as far as it changed. */
export async function switchRestartCommand(context: CliContext, kind: RestartSwitch, restart: string): Promise<void> {
  const namespace = context.flags.namespace ?? defaultNamespace;
  const { patch, said } = switches[kind];
  const args = ['patch', 'panelrestart', restart, '-n', namespace, '--type', 'merge', '-p'];
  await kubectlOf(context, context.world.stop).run([...args, JSON.stringify({ spec: patch })]);
  const more = kind === 'pause' ? ` Go on with: ${context.world.name} resume ${restart}` : '';
  report(context, { json: { restart, namespace, spec: patch }, lines: [`The restart ${restart} ${said}.${more}`] });
}
