import type { VNode } from 'preact';
import { useId } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import type { BoardRestart } from '../../../wire/live.js';
import type { Board } from '../../app/board.js';
import { isOver, laneStages, shownLanes } from '../../fleet/lane-layout.js';
import { shownText } from '../../text/shown-text.js';
import { ageText, spanText } from '../../text/durations.js';
import { Refusal } from '../base/refusal.js';
import { Sign, type SignKind } from '../base/sign.js';
import { Text } from '../base/text.js';
import { LaneRow } from './lane-row.js';

/** A restart: how far it is, what it says of itself, its pods on their lanes, and what can be done. */
export function RestartCard({ restart, board }: { readonly restart: BoardRestart; readonly board: Board }): VNode {
  const { lanes, hidden } = shownLanes(restart, board.fleet.value.arrived, board.nowMs.value);
  const id = useId();
  return (
    <article class={`restart ${isOver(restart) ? 'over' : ''}`} aria-labelledby={id}>
      <div class="heading">
        <h3 id={id}>
          <Text of={restart.name} most={80} />
        </h3>
        <Sign is={signOf(restart)}>{phaseText(restart)}</Sign>
        {!isOver(restart) && <RestartActions restart={restart} board={board} />}
      </div>
      <p class="quiet">
        <Text of={restart.target} most={63} />, {whenText(restart, board.date.value)}
        {restart.reason !== '' && (
          <>
            , because: <Text of={restart.reason} most={120} />
          </>
        )}
      </p>
      <Progress restart={restart} />
      {restart.sentences.slice(0, isOver(restart) ? 1 : 4).map((sentence) => (
        <p key={sentence} class="sentence">
          <Text of={sentence} most={400} />
        </p>
      ))}
      {lanes.length > 0 && (
        <div class="lanes">
          <div class="stages" aria-hidden="true">
            {laneStages.map((stage) => (
              <span key={stage}>{stage}</span>
            ))}
          </div>
          <ol aria-label="Pods under way">
            {lanes.map((lane) => (
              <LaneRow key={lane.uid} lane={lane} date={board.date.value} />
            ))}
          </ol>
          {hidden > 0 && <p class="quiet">{hidden} more pods under way or failed</p>}
        </div>
      )}
    </article>
  );
}

function Progress({ restart }: { readonly restart: BoardRestart }): VNode {
  const { total, pending, succeeded, failed, retiring } = restart.counts;
  const underWay = Math.max(0, total - pending - succeeded - failed);
  const share = (count: number): string => `${total === 0 ? 0 : (100 * count) / total}%`;
  const parts = [
    `${succeeded} of ${total} done`,
    ...(underWay > 0 ? [`${underWay} under way`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(pending > 0 ? [`${pending} waiting`] : []),
    ...(retiring > 0 ? [`${retiring} retiring`] : []),
    ...(restart.forced > 0 ? [`${restart.forced} forced`] : []),
  ];
  return (
    <div class="progress">
      <div class="bar" aria-hidden="true">
        <i class="done" style={{ width: share(succeeded) }} />
        <i class="failed" style={{ width: share(failed) }} />
        <i class="under-way" style={{ width: share(underWay) }} />
      </div>
      <p>
        {parts.join(', ')}
        {restart.sessionsText !== '' && (
          <>
            . Sessions: <Text of={restart.sessionsText} most={200} />
          </>
        )}
      </p>
    </div>
  );
}

function RestartActions({ restart, board }: { readonly restart: BoardRestart; readonly board: Board }): VNode {
  const refusal = useSignal('');
  const change = async (what: 'pause' | 'resume' | 'abort'): Promise<void> => {
    refusal.value = '';
    try {
      await board.requests.change(what, { restart: restart.name });
    } catch (error) {
      refusal.value = error instanceof Error ? error.message : String(error);
    }
  };
  const abort = async (): Promise<void> => {
    const isSure = await board.questions.ask({
      title: 'Abort this restart?',
      text: `${shownText(restart.name, 80)} stops: pods that wait are left as they are, pods under way go on serving where they still can.`,
      yes: 'Abort',
      no: 'Let it go on',
    });
    if (isSure) await change('abort');
  };
  return (
    <div class="buttons">
      {restart.paused ? (
        <button type="button" disabled={restart.aborting} onClick={() => void change('resume')}>
          Resume
        </button>
      ) : (
        <button type="button" disabled={restart.aborting} onClick={() => void change('pause')}>
          Pause
        </button>
      )}
      <button type="button" class="danger" disabled={restart.aborting} onClick={() => void abort()}>
        Abort
      </button>
      <Refusal text={refusal.value} />
    </div>
  );
}

function signOf({ phase, paused, aborting, finishedAt, counts }: BoardRestart): SignKind {
  if (finishedAt !== '') return phase === 'Succeeded' ? 'ok' : 'bad';
  return paused || aborting || counts.failed > 0 ? 'warn' : 'busy';
}

function phaseText({ phase, paused, aborting, finishedAt }: BoardRestart): string {
  if (finishedAt === '' && aborting) return 'Aborting';
  if (finishedAt === '' && paused) return 'Paused';
  return shownText(phase === '' ? 'Pending' : phase, 30);
}

/** How long it has taken or is going to take, as far as anybody knows. */
function whenText({ createdAt, startedAt, finishedAt, expectedAt }: BoardRestart, date: Date): string {
  const [begin, end, expected] = [Date.parse(startedAt || createdAt), Date.parse(finishedAt), Date.parse(expectedAt)];
  if (!Number.isNaN(end))
    return `${Number.isNaN(begin) ? '' : `took ${spanText(Math.max(0, end - begin))}, `}${ageText(date.getTime() - end)} ago`;
  const since = Number.isNaN(begin) ? 'not begun' : `for ${ageText(date.getTime() - begin)}`;
  const left = expected - date.getTime();
  return left > 0 ? `${since}, about ${ageText(left)} left` : since;
}
