import type { Clock } from '#common/time/clock.js';
import { isPaneletError, PaneletError } from '#common/errors/errors.js';
import type { AgentPod } from './agent-pods.js';
import type { Kubectl } from './kubectl.js';

/** A way to a pod. */
export interface Forward {
  /** Address to connect to. */
  readonly address: string;
  /** False once it leads nowhere for sure. */
  readonly alive: boolean;
  /** Why it leads nowhere, once that is known. */
  readonly failure: PaneletError | undefined;
  /** Resolves once it leads nowhere for sure; at once where that never shows. */
  readonly over: Promise<unknown>;
  /** Resolves when nothing of it is left. */
  close(): Promise<void>;
}

/** What a port-forward is made with. */
export interface PortForwardDeps {
  readonly kubectl: Kubectl;
  readonly clock: Clock;
  readonly namespace: string;
}

const startTimeoutMs = 10_000;
// Its node may have gone: then the API server waits for longer than anybody likes.
const notReadyTimeoutMs = 3_000;
const forwardingFrom = /^Forwarding from (127\.0\.0\.1:\d+) -> /;

function explained(error: unknown, pod: AgentPod): PaneletError {
  const known = PaneletError.from(error, 'API_UNAVAILABLE');
  if (known.code === 'IDENTITY_REFUSED') {
    const message = `${known.message} The way through the API server needs the right to create pods/portforward; with --via address it is not needed.`;
    return new PaneletError(known.code, message, { cause: error });
  }
  // The pod may have gone since it was looked up.
  if (known.code === 'API_NOT_FOUND' || known.code === 'RESTART_FAILED') {
    return new PaneletError('AGENT_UNREACHABLE', `The pod ${pod.name} cannot be reached: ${known.message}`, {
      cause: error,
    });
  }
  return known;
}

// kubectl's last word, "lost connection to pod", is not the reason.
function lostConnection(error: unknown, pod: AgentPod): PaneletError {
  const { cause } = PaneletError.from(error);
  const refused = cause instanceof Error && cause.message.includes('connection refused');
  const why = refused
    ? `nothing listens on port ${pod.port} of localhost in its pod ${pod.name}, where kubectl port-forward ends`
    : `kubectl port-forward lost its pod ${pod.name}`;
  const message = `The agent of the node ${pod.node} cannot be reached: ${why}. Try again in a moment, or with --via address.`;
  return new PaneletError('AGENT_UNREACHABLE', message, { cause: error });
}

/**
 * A `kubectl port-forward` to a pod, on a free port of this machine. kubectl ends at the first connection after the pod
 * has gone, and not before: that it is alive does not mean that it leads somewhere.
 * @throws PaneletError when it does not come about.
 */
export async function openPortForward(deps: PortForwardDeps, pod: AgentPod): Promise<Forward> {
  const args = ['port-forward', '-n', deps.namespace, `pod/${pod.name}`, '--address', '127.0.0.1', `:${pod.port}`];
  const running = deps.kubectl.start(args);
  const state: { alive: boolean; late: boolean; failure?: PaneletError } = { alive: true, late: false };
  const limitMs = pod.ready ? startTimeoutMs : notReadyTimeoutMs;
  const timer = deps.clock.after(limitMs, () => {
    state.late = true;
    void running.stop();
  });
  const listening = async (): Promise<string> => {
    const lines = running.lines[Symbol.asyncIterator]();
    for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
      const address = forwardingFrom.exec(line.value)?.[1];
      if (address === undefined) continue;
      void drainLines(lines);
      return address;
    }
    throw new PaneletError('API_UNAVAILABLE', 'kubectl port-forward ended and said nothing. Try --via address.');
  };
  const over = running.ended.then(
    () => (state.alive = false),
    (error: unknown) => {
      state.alive = false;
      state.failure = lostConnection(error, pod);
    },
  );
  try {
    const address = await listening();
    return {
      address,
      over,
      get alive() {
        return state.alive;
      },
      get failure() {
        return state.failure;
      },
      close: () => {
        state.alive = false;
        return running.stop();
      },
    };
  } catch (error) {
    await running.stop();
    if (!state.late || isPaneletError(error, 'IDENTITY_REFUSED')) throw explained(error, pod);
    throw await silentNode(deps, pod, { limitMs, cause: error });
  } finally {
    timer.stop();
  }
}

// It says a line per connection, and would stop at a full pipe.
async function drainLines(lines: AsyncIterator<string>): Promise<void> {
  try {
    while ((await lines.next()).done !== true);
  } catch {
    // `ended` has it.
  }
}

/** Why a node's kubelet takes no forward: that it has gone, where the cluster says so. */
async function silentNode(
  { kubectl }: PortForwardDeps,
  { node, name }: AgentPod,
  { limitMs, cause }: { readonly limitMs: number; readonly cause: unknown },
): Promise<PaneletError> {
  const ready = '{.status.conditions[?(@.type=="Ready")].status}';
  // Not everybody may read nodes.
  const status = await kubectl.run(['get', 'node', node, '-o', `jsonpath=${ready}`]).catch(() => '');
  const message =
    status === 'False' || status === 'Unknown'
      ? `The node ${node} is not ready, and nothing there answers. See: kubectl describe node ${node}`
      : `The node ${node} does not answer: the way to its pod ${name} did not open within ${limitMs / 1000} s. See: kubectl get node ${node}, or try --via address.`;
  return new PaneletError('AGENT_UNREACHABLE', message, { cause });
}
