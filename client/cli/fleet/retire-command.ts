import { timestamp } from '#common/time/clock.js';
import { momentToMs } from '#common/time/moment.js';
import { PaneletError } from '#common/errors/errors.js';
import { defaultNamespace } from '../cluster/agent-pods.js';
import { kubectlOf, report, type CliContext } from '../access/cli-context.js';
import { tableLines } from '../io/output.js';

/** Flags of `retire`. */
export interface RetireFlags {
  readonly now?: boolean;
  /** An RFC 3339 time, or `never`. */
  readonly at?: string;
}

/** What sessions are told before they end. */
const noticeMs = 10_000;
const annotation = 'panelet.dev/retire-at';
const selector = 'panelet.dev/retiring=true';

interface RetiringPod {
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec?: { readonly nodeName?: string };
}

/** The time that the flags say, as the annotation has it; undefined when none is asked for. @throws CONFIG_INVALID */
function timeOf({ world }: CliContext, { now, at }: RetireFlags): string | undefined {
  if (now === true && at !== undefined) throw new PaneletError('CONFIG_INVALID', 'Give --now or --at, not both.');
  const nowMs = world.clock.date().getTime();
  if (now === true) return timestamp(new Date(nowMs + noticeMs));
  if (at === undefined || at === 'never') return at;
  const ms = momentToMs(at);
  if (ms !== undefined) return timestamp(new Date(Math.max(ms, nowMs + noticeMs)));
  throw new PaneletError('CONFIG_INVALID', `"${at}" is no time. Give --at as 2027-01-31T03:00:00Z, or never.`);
}

/**
 * `panelet retire`: says when replaced hosts have to go that stay for their sessions; without a time, shows which there are. JSON:
 * `{namespace, pods: [{pod, node, retireAt}]}`.
 */
export async function retireCommand(context: CliContext, pod: string | undefined, flags: RetireFlags): Promise<void> {
  const { node, namespace = defaultNamespace } = context.flags;
  const until = timeOf(context, flags);
  if (until !== undefined && pod === undefined && node === undefined) {
    throw new PaneletError('CONFIG_INVALID', 'Say which: the name of a pod, or --node for all of a node.');
  }
  const kubectl = kubectlOf(context, context.world.stop);
  const found = await kubectl.run(['get', 'pods', '-n', namespace, '-l', selector, '-o', 'json']);
  const { items } = JSON.parse(found) as { readonly items: readonly RetiringPod[] };
  const chosen = items.filter(
    ({ metadata, spec }) => (pod ?? metadata.name) === metadata.name && (node ?? spec?.nodeName) === spec?.nodeName,
  );
  if (chosen.length === 0 && (pod !== undefined || node !== undefined)) {
    const which = pod === undefined ? `No pod of node ${node ?? ''}` : `Pod ${pod} is not there, or`;
    throw new PaneletError(
      'API_NOT_FOUND',
      `${which} ${pod === undefined ? 'retires' : 'does not retire'} in ${namespace}.`,
    );
  }
  for (const { metadata } of until === undefined ? [] : chosen) {
    await kubectl.run([
      'annotate',
      'pod',
      metadata.name,
      `${annotation}=${until ?? ''}`,
      '--overwrite',
      '-n',
      namespace,
    ]);
  }
  const rows = chosen.map(({ metadata, spec }) => ({
    pod: metadata.name,
    node: spec?.nodeName ?? '',
    retireAt: until ?? metadata.annotations?.[annotation] ?? 'never',
  }));
  report(context, {
    json: { namespace, pods: rows },
    lines:
      rows.length === 0
        ? ['No pod retires.']
        : tableLines(
            ['POD', 'NODE', 'GONE BY'],
            rows.map((row) => [row.pod, row.node, row.retireAt]),
          ),
  });
}
