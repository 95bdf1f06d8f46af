import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import type { PlanAnswer } from '../../../wire/requests.js';
import type { Board } from '../../app/board.js';
import { shownText } from '../../text/shown-text.js';
import { Modal } from '../base/modal.js';
import { Refusal } from '../base/refusal.js';
import { Lines, Text } from '../base/text.js';
import { PlanState } from './plan-state.js';

/** Asks what to restart and why, shows what it would do, and only then starts it. */
export function PlanDialog({ board, close }: { readonly board: Board; readonly close: () => void }): VNode {
  const { targets } = board.fleet.value;
  const state = useMemo(() => new PlanState(board.requests, targets[0]?.name ?? ''), []);
  const { answer } = state;
  const make = async (): Promise<void> => {
    if (await state.make()) board.announcer.tell('The plan is there');
  };
  const start = async (): Promise<void> => {
    if (!(await state.start())) return;
    board.announcer.tell('The restart has been asked for');
    close();
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    void make();
  };
  return (
    <Modal title="Plan a restart" close={close}>
      <form class="form" onSubmit={submit}>
        <Fields state={state} board={board} />
        {answer !== null && <PlanText answer={answer} />}
        <Refusal text={state.refusal.value} />
        <div class="actions">
          <button type="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class={answer === null ? 'main' : ''} disabled={state.isBusy.value}>
            Plan
          </button>
          <button
            type="button"
            class={answer === null ? '' : 'main'}
            disabled={state.isBusy.value || answer === null}
            onClick={() => void start()}
          >
            Restart
          </button>
        </div>
      </form>
    </Modal>
  );
}

function Fields({ state, board }: { readonly state: PlanState; readonly board: Board }): VNode {
  return (
    <>
      <label>
        What to restart
        <select value={state.target.value} onChange={(event) => (state.target.value = event.currentTarget.value)}>
          {board.fleet.value.targets.map(({ name, component }) => (
            <option key={name} value={name}>
              {shownText(name, 80)} ({component})
            </option>
          ))}
        </select>
      </label>
      <label>
        Reason
        <input
          value={state.reason.value}
          maxLength={200}
          placeholder="For whoever asks later"
          onInput={(event) => (state.reason.value = event.currentTarget.value)}
        />
      </label>
    </>
  );
}

function PlanText({ answer }: { readonly answer: PlanAnswer }): VNode {
  return (
    <div class="plan" role="region" aria-label="Plan" tabIndex={0}>
      <p>
        <b>
          <Text of={answer.podsText} most={200} />
        </b>
      </p>
      <Lines of={answer.text} />
    </div>
  );
}
