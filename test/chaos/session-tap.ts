import type { PaneletSession, SessionItem } from '#client/sdk.js';
import { createLatch } from '#common/time/latch.js';
import { createEchoMirror } from './echo-mirror.js';
import type { Gap } from './history.js';
import type { Told } from './outcome.js';
import type { Timeline } from './timeline.js';

/** A session that is listened to while somebody else uses it. */
export interface SessionTap {
  /** The session to use: reading it ends at the first loss. */
  readonly session: PaneletSession;
  readonly gaps: readonly Gap[];
  readonly told: Told;
  /** When the client was told; the same as now while it was not. */
  readonly toldMs: number | undefined;
  /** Where the output deviates from the input; looked at for echoes only. */
  readonly deviation: string | undefined;
  /** Resolves when something was lost, or the session is over. */
  readonly lost: Promise<void>;
  /** From now on the session may end. */
  expectEnd(): void;
}

// Any other failure says nothing about what has become of the session.
const tellingCodes = ['SESSION_LOST', 'SESSION_UNKNOWN', 'SESSION_ENDED'] as const;

/** Listens. With `mirrored` the output must be the input. */
export function tapSession(
  real: PaneletSession,
  { timeline, mirrored }: { readonly timeline: Timeline; readonly mirrored: boolean },
): SessionTap {
  const gaps: Gap[] = [];
  const lost = createLatch();
  const mirror = createEchoMirror();
  let loss: string | undefined;
  let toldMs: number | undefined;
  let mayEnd = false;
  const tell = (what: string): void => {
    loss ??= what;
    toldMs ??= timeline.nowMs();
    lost.resolve();
  };
  real.on('resumed', ({ gapMs }) => {
    const toMs = timeline.nowMs();
    gaps.push({ fromMs: toMs - gapMs, toMs });
  });
  real.on('lost', (event) => tell(`lost ${JSON.stringify(event)}`));
  void real.closed.then((end) => {
    if (end.kind === 'failed' && tellingCodes.some((code) => code === end.error.code)) tell(String(end.error));
    lost.resolve();
  });
  const note = (item: SessionItem): void => {
    if (item.kind === 'data' && mirrored) mirror.received(item.payload);
    const normal = mayEnd && item.kind === 'exit' && item.code === 0 && item.signal === undefined;
    if (item.kind === 'exit' && !normal) tell(`exit ${item.signal ?? item.code}`);
  };
  const read = async function* (): AsyncGenerator<SessionItem> {
    for await (const item of real) {
      note(item);
      if (item.kind === 'lost') return;
      yield item;
    }
  };
  const write: PaneletSession['write'] = (bytes, options) => {
    if (mirrored) mirror.sent(Buffer.from(bytes));
    return real.write(bytes, options);
  };
  // What a session does not do by `this` can be inherited.
  const session = Object.assign(Object.create(real) as PaneletSession, { write, [Symbol.asyncIterator]: read });
  return {
    session,
    gaps,
    get told() {
      return { loss };
    },
    get toldMs() {
      return toldMs;
    },
    get deviation() {
      return mirror.deviation;
    },
    lost: lost.promise,
    expectEnd: () => (mayEnd = true),
  };
}
