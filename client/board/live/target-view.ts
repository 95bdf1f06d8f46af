import { componentLabel } from '../../cli/cluster/agent-pods.js';
import type { BoardTarget } from '../wire/live.js';

/** A DaemonSet, as the API server has it. */
export interface DaemonSetObject {
  readonly metadata: { readonly name: string };
  readonly spec?: {
    readonly template?: { readonly metadata?: { readonly labels?: Readonly<Record<string, string>> } };
  };
}

/** What can be restarted, by name. */
export function targetViews(sets: readonly DaemonSetObject[]): readonly BoardTarget[] {
  return sets
    .map(({ metadata, spec }): BoardTarget => {
      const component = spec?.template?.metadata?.labels?.[componentLabel];
      return { name: metadata.name, component: component === 'agent' || component === 'host' ? component : 'other' };
    })
    .sort((left, right) => (left.name < right.name ? -1 : 1));
}
