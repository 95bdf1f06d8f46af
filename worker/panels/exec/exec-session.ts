import { messageOf, PaneletError, unreachable } from '#common/errors/errors.js';
import type { Timer } from '#common/time/clock.js';
import { createLatch } from '#common/time/latch.js';
import { FromPanel, ToPanel } from '#proto/panel/v1/panel.js';
import type { InputItem } from '#session/endpoint/endpoint.js';
import type { PanelContext, PanelSession } from '../../panel/panel.js';
import {
  converse,
  isHeard,
  type Conversation,
  type ConversationEffect,
  type ConversationEvent,
  type ConversationPhase,
} from './conversation.js';
import { encodeExecState, execStateOf } from './exec-state.js';
import { createFrameReader, encodeFrame } from '#common/framing.js';
import { messageLimit, type PanelLimits } from './panel-limits.js';
import { sessionChannelOf, sessionEventOf, toReadOf } from './panel-messages.js';
import type { PanelProcessListener } from './panel-process.js';
import { createPanelStderr } from './panel-stderr.js';
import type { StartedProgram } from './start-program.js';

/** What one session with a program needs. */
export interface ExecSessionDeps {
  readonly context: PanelContext;
  readonly limits: PanelLimits;
  /** How the conversation begins. */
  readonly conversation: Conversation;
  /** For people, in lists of sessions. */
  readonly details: Readonly<Record<string, string>>;
}

/** Carries the conversation with the program of one session out. Without a process it is one that has ended. */
export class ExecSession implements PanelSession, PanelProcessListener {
  readonly #deps: ExecSessionDeps;
  readonly #stderr: ReturnType<typeof createPanelStderr>;
  readonly #reader = createFrameReader(() => messageLimit(this.#deps.limits, this.#state.frozenDue > 0));
  readonly #opened = createLatch();
  #state: Conversation;
  #program: StartedProgram | undefined;
  #timer: Timer | undefined;
  #timed: ConversationPhase | undefined;
  #waiting: (() => void)[] = [];
  #resting: (() => void)[] = [];
  #closing: Promise<void> | undefined;

  constructor(deps: ExecSessionDeps) {
    const { log, clock, output } = deps.context;
    this.#deps = deps;
    this.#state = deps.conversation;
    this.#stderr = createPanelStderr({ log, clock });
    output.onWritable(() => this.#on({ kind: 'writable' }));
  }

  /** Begins with a program and its first message. Resolves when the session is there. @throws PANEL_FAILED, in the words of the program */
  async begin(program: StartedProgram, first: ToPanel['kind']): Promise<void> {
    this.#program = program;
    this.#watchTime();
    this.#send(first);
    program.listenAs(this);
    await this.#opened.promise;
  }

  input(item: InputItem): void | Promise<void> {
    const input = toReadOf(item);
    if (input === undefined || !isHeard(this.#state)) return undefined;
    const permit = this.#deps.context.gate.enter('panel.input', item.kind === 'data' ? item.payload.length : 0);
    return new Promise((resolve) => {
      this.#waiting.push(() => {
        permit?.release();
        resolve();
      });
      this.#on({ kind: 'input', input });
    });
  }

  freeze(): Promise<void> {
    if (this.#state.phase === 'frozen') return Promise.resolve();
    return new Promise((resolve) => {
      this.#resting.push(resolve);
      this.#on({ kind: 'freeze' });
    });
  }

  thaw(): void {
    this.#on({ kind: 'thaw' });
    if (this.#deps.context.output.canWrite()) this.#on({ kind: 'writable' });
  }

  checkpoint(): Uint8Array {
    return encodeExecState(execStateOf(this.#state));
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  details(): Record<string, string> {
    const pid = this.#program?.pid;
    return { ...(pid !== undefined && { pid: String(pid) }), ...this.#deps.details };
  }

  onMessageBytes(bytes: Buffer): void {
    if (!isHeard(this.#state)) return;
    try {
      this.#reader.push(bytes, (content) => this.#on({ kind: 'message', message: FromPanel.decode(content) }));
    } catch (error) {
      this.#refuse(`The program of the panel sent what is no message. ${messageOf(error)}`);
    }
    if (this.#deps.context.output.canWrite()) this.#on({ kind: 'writable' });
  }

  onTextBytes(bytes: Buffer): void {
    this.#stderr.push(bytes);
  }

  onGone(how: string): void {
    this.#stderr.end();
    this.#deps.context.log.info({ pid: this.#program?.pid, how }, 'Program of the panel has ended');
    this.#on({ kind: 'gone', how });
  }

  #on(event: ConversationEvent): void {
    const before = this.#state;
    const { state, effects } = converse(before, event, this.#deps.limits);
    this.#state = state;
    if (before.phase !== state.phase) {
      this.#deps.context.log.debug({ from: before.phase, to: state.phase }, 'Conversation with the panel');
    }
    for (const effect of effects) this.#do(effect);
    this.#watchTime();
  }

  #do(effect: ConversationEffect): void {
    const { output } = this.#deps.context;
    switch (effect.kind) {
      case 'send':
        this.#send(effect.message);
        break;
      case 'sendInput':
        this.#send(effect.message, () => this.#on({ kind: 'written' }));
        break;
      case 'output':
        output.writeData(sessionChannelOf(effect.channel), effect.data);
        break;
      case 'event':
        this.#writeEvent(effect);
        break;
      case 'end':
        output.end();
        break;
      case 'opened':
        this.#opened.resolve();
        break;
      case 'taken':
        for (const resolve of this.#waiting.splice(0)) resolve();
        break;
      case 'rested':
        for (const resolve of this.#resting.splice(0)) resolve();
        break;
      case 'fail':
        this.#fail(effect.problem);
        break;
      default:
        unreachable(effect);
    }
  }

  #send(kind: ToPanel['kind'], onWritten?: () => void): void {
    void this.#program?.write(encodeFrame(ToPanel.encode({ kind }).finish())).then(onWritten);
  }

  #writeEvent(event: { readonly name: string; readonly payload: Buffer }): void {
    try {
      this.#deps.context.output.writeEvent(sessionEventOf(event));
    } catch (error) {
      this.#refuse(messageOf(error));
    }
  }

  /** What the conversation cannot see by itself. */
  #refuse(problem: string): void {
    if (!isHeard(this.#state)) return;
    this.#on({ kind: 'broken', problem });
  }

  #fail(problem: string): void {
    const error = new PaneletError('PANEL_FAILED', problem);
    if (this.#opened.settled) this.#deps.context.fail(error);
    else this.#opened.reject(error);
  }

  /** The program has a time for its answer. */
  #watchTime(): void {
    const { phase } = this.#state;
    if (phase === this.#timed) return;
    this.#timed = phase;
    this.#timer?.stop();
    const { openMs, freezeMs } = this.#deps.limits;
    const limitMs = phase === 'opening' ? openMs : phase === 'freezing' ? freezeMs : undefined;
    if (limitMs !== undefined) this.#timer = this.#deps.context.clock.after(limitMs, () => this.#on({ kind: 'late' }));
  }

  async #close(): Promise<void> {
    this.#on({ kind: 'close' });
    this.#timer?.stop();
    // One that breaks the rules is not waited for.
    await this.#program?.end(this.#state.phase === 'failed' ? 0 : this.#deps.limits.exitMs);
  }
}
