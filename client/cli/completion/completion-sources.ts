import { listAgentPods, defaultNamespace } from '../cluster/agent-pods.js';
import { nodesOf } from '../cluster/agent-route.js';
import type { CliWorld } from '../io/cli-world.js';
import type { CompletionSources } from './completion.js';
import { createKubectl, type Kubectl } from '../cluster/kubectl.js';
import { createResumeStore, resumeStoreDir } from '../access/resume-store.js';

// Somebody waits at the tab key.
const timeoutMs = 3000;

type Source = (kubectl: Kubectl, namespace: string) => Promise<readonly string[]>;

function linesOf(text: string): readonly string[] {
  return text.split('\n').filter((line) => line !== '');
}

function names(resource: string, prefix = ''): Source {
  return async (kubectl, namespace) => {
    const path = `jsonpath={range .items[*]}${prefix}{.metadata.name}{"\\n"}{end}`;
    return linesOf(await kubectl.run(['get', resource, '-n', namespace, '-o', path]));
  };
}

async function panels(kubectl: Kubectl, namespace: string): Promise<readonly string[]> {
  const pods = await Promise.all([
    listAgentPods(kubectl, { namespace }),
    listAgentPods(kubectl, { namespace, component: 'host' }),
  ]);
  return [...new Set(pods.flat().flatMap((pod) => pod.panels))].sort();
}

const ofCluster: Readonly<Record<string, Source>> = {
  node: async (kubectl, namespace) => nodesOf(await listAgentPods(kubectl, { namespace })),
  panel: panels,
  restart: names('panelrestarts'),
  target: names('daemonsets', 'daemonset/'),
  serviceAccount: names('serviceaccounts'),
  namespace: names('namespaces'),
  context: async (kubectl) => linesOf(await kubectl.run(['config', 'get-contexts', '-o', 'name'])),
};

/** Words from the cluster, through kubectl, and from the sessions that were left here. Silent when they cannot be had. */
export function createCompletionSources(world: CliWorld): CompletionSources {
  const ask = async (source: Source, given: Readonly<Record<string, string>>): Promise<readonly string[]> => {
    const giveUp = new AbortController();
    const timer = world.clock.after(timeoutMs, () => giveUp.abort());
    const { kubeconfig, context, namespace } = given;
    const kubectl = createKubectl({ env: world.env, kubeconfig, context, signal: giveUp.signal });
    try {
      return await source(kubectl, namespace ?? defaultNamespace);
    } finally {
      timer.stop();
    }
  };
  const sessions = async (): Promise<readonly string[]> => {
    const saved = await createResumeStore(resumeStoreDir(world.env, world.homeDir)).list();
    return saved.map((session) => session.sessionId);
  };
  return {
    words: async (name, given) => {
      try {
        if (name === 'session') return await sessions();
        const source = ofCluster[name];
        return source === undefined ? [] : await ask(source, given);
      } catch {
        // An error text at the prompt helps nobody.
        return [];
      }
    },
  };
}
