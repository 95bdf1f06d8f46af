import pLimit from 'p-limit';
import { createFakeClock, sleep, type FakeClock } from '#common/time/clock.js';
import { createSilentLog } from '#common/log.js';
import { createSeededRandom } from '#common/random.js';
import { Target } from '#proto/gate/v1/gate.js';
import { createWorkerLink } from '#session/worker/worker-link.js';
import { Gate } from '#worker/drain/gate.js';
import { defaultDrainRules, type DrainEvent } from '#worker/drain/state.js';
import { createEchoPanel } from '#worker/panels/echo/echo.js';
import { SessionDriver } from '#worker/sessions/session-driver.js';
import type { SessionRegistry } from '#worker/sessions/session-registry.js';
import type { CheckpointStore } from '#worker/storage/checkpoint-store.js';
import { settle } from './settle.js';

const lookMs = 20;
const turns = 4;

/** How long a session could do nothing, in milliseconds. */
export interface FrozenTimes {
  /** Since the last wave at which it went on. */
  nowMs: number;
  longestMs: number;
  totalMs: number;
}

/** The gate of a worker with real echo sessions, on a clock that moves when told to, without transport and disk. */
export class EchoGate {
  readonly clock: FakeClock = createFakeClock();
  readonly drivers: SessionDriver[] = [];
  /** How long each was frozen before the drain was complete or called off. */
  readonly frozen = new Map<SessionDriver, FrozenTimes>();
  readonly phases: string[] = [];
  readonly gate: Gate;
  /** How long storage takes for one session, in milliseconds. */
  sealMs = 0;
  /** Sessions whose checkpoint stands, by id. */
  readonly sealed = new Set<string>();
  readonly #live = new Map<string, SessionDriver>();
  readonly #slots = pLimit(8);

  constructor() {
    const registry = {
      live: this.#live,
      opening: new Map(),
      dormant: new Map(),
      restored: 0,
      abandonOpening: () => undefined,
    };
    this.gate = new Gate({
      clock: this.clock,
      log: createSilentLog(),
      panel: 'echo',
      rules: { ...defaultDrainRules, checkpointable: true },
      facts: { instance: 'i', node: 'n', version: '1', target: Target.AGENT, podUid: '' },
      retirement: { stored: undefined, save: () => Promise.resolve() },
      registry: registry as unknown as SessionRegistry,
      giver: { begin: () => undefined, stop: () => undefined, waiting: 0 },
      hasNewer: () => false,
      attachments: () => 0,
      onAdmission: () => undefined,
    });
    this.gate.listen(() => {
      const { phase } = this.gate.state;
      if (this.phases.at(-1) !== phase) this.phases.push(phase);
    });
  }

  /** Opens sessions. */
  async open(count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      const driver = this.#driver(`00000000-0000-4000-8000-${String(this.drivers.length).padStart(12, '0')}`);
      driver.begin(await createEchoPanel().open(driver.context));
      this.drivers.push(driver);
      this.#live.set(driver.record.id, driver);
      this.frozen.set(driver, { nowMs: 0, longestMs: 0, totalMs: 0 });
    }
  }

  /** Asks for a drain without a notice. */
  drain(options: Partial<Extract<DrainEvent, { kind: 'drain' }>>): void {
    this.gate.command({
      kind: 'drain',
      fence: { restartUid: 'a', fencing: 1, generation: 1 },
      leaseMs: 600_000,
      reason: '',
      noticeMs: 0,
      holdsNotice: false,
      timeoutMs: 60_000,
      onTimeout: 'abort',
      ...options,
    });
  }

  /** Takes a hold for so long. */
  hold(driver: SessionDriver | undefined, ms: number, operation = 'echo.hold'): void {
    const permit = driver?.gate.enter(operation);
    this.clock.after(ms, () => permit?.release());
  }

  /** Lets time pass, or stops as soon as the drain is in a phase. */
  async pass(ms: number, untilPhase?: string): Promise<void> {
    await settle(turns);
    for (const endMs = this.clock.nowMs() + ms; this.clock.nowMs() < endMs;) {
      if (this.gate.state.phase === untilPhase) return;
      this.clock.advance(lookMs);
      await settle(turns);
      this.#measure();
    }
  }

  #measure(): void {
    const { phase } = this.gate.state;
    if (phase === 'RELEASED' || phase === 'CLOSED') return;
    for (const [driver, times] of this.frozen) {
      times.nowMs = driver.freezer.frozen ? times.nowMs + lookMs : 0;
      if (driver.freezer.frozen) times.totalMs += lookMs;
      times.longestMs = Math.max(times.longestMs, times.nowMs);
    }
  }

  #driver(id: string): SessionDriver {
    const { clock } = this;
    const identity = { sessionId: id, panel: 'echo', owner: 'alice', tokenKey: Buffer.alloc(32) };
    const record = {
      ...{ id, panel: 'echo', owner: 'alice', tokenKey: '', clientId: '', parameters: {}, version: '1' },
      createdAt: clock.date().toISOString(),
    };
    const driver: SessionDriver = new SessionDriver({
      record,
      definition: createEchoPanel(),
      link: createWorkerLink({ identity, resumeTtlMs: 60_000 }, 1),
      checkpoints: this.#checkpoints(),
      slots: this.#slots,
      clock,
      random: createSeededRandom(1),
      log: createSilentLog(),
      onChange: () => this.gate.changed(),
      onEnded: ({ kind }) => {
        this.#live.delete(id);
        this.gate.sessionEnded(kind);
      },
    });
    return driver;
  }

  #checkpoints(): CheckpointStore {
    return {
      seal: async (id, content) => {
        await sleep(this.clock, this.sealMs);
        this.sealed.add(id);
        return { sizeBytes: content.length, sha256: '' };
      },
      verify: () => Promise.resolve(undefined),
      read: () => Promise.resolve(undefined),
      consume: (id) => Promise.resolve(this.sealed.delete(id)),
    };
  }
}
