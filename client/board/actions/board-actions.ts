import pLimit from 'p-limit';
import { z } from 'zod';
import { PaneletError, type ErrorCode } from '#common/errors/errors.js';
import type { CliContext } from '../../cli/access/cli-context.js';
import { askForRestart } from '../../cli/fleet/ask-for-restart.js';
import { planRestart } from '../../cli/fleet/plan-restart.js';
import { switchRestart } from '../../cli/fleet/restart-switches.js';
import { refusal, type BoardDoorDeps, type JsonAnswer } from '../door/board-door.js';
import { objectName } from '../wire/names.js';
import type { PlanAnswer, RestartName, RestartRequest } from '../wire/requests.js';

/** What the page may ask to be done, of those who have a key. */
type ActionPath = Parameters<BoardDoorDeps['act']>[0];

/** Each starts kubectl. */
const atOnce = 4;
const planTimeoutMs = 60_000;

const name = z.string().regex(objectName);
const wish = z.object({
  target: name,
  reason: z
    .string()
    .max(256)
    .regex(/^\P{Cc}*$/u),
});
const restartName = z.object({ restart: name }) satisfies z.ZodType<RestartName>;

/** HTTP status of a refusal; what is not here is the cluster's trouble. */
const statuses: Partial<Readonly<Record<ErrorCode, number>>> = {
  CONFIG_INVALID: 400,
  IDENTITY_MISSING: 403,
  IDENTITY_REFUSED: 403,
  API_NOT_FOUND: 404,
  RESTART_OVER: 409,
  RESTART_FAILED: 409,
  TIMEOUT: 504,
};

/** Does what the page asks for, as the commands of the CLI do. */
export function createBoardActions(context: CliContext): BoardDoorDeps['act'] {
  const turns = pLimit(atOnce);
  const doing = async (path: ActionPath, body: unknown): Promise<object> => {
    switch (path) {
      case '/plan': {
        const asked = wish.parse(body);
        const options = { ...reasonOf(asked), timeout: planTimeoutMs };
        const { message, status } = await planRestart(context, asked.target, options);
        const answer: PlanAnswer = { text: message, podsText: status.pods?.summary ?? '' };
        return answer;
      }
      case '/restart': {
        const asked = wish.parse(body);
        const { isTaken } = await askForRestart(context, asked.target, reasonOf(asked));
        if (isTaken) return {};
        const advice = 'Check that panelet-controller runs.';
        throw new PaneletError('TIMEOUT', 'It has been asked for, but no controller has taken it up yet.', { advice });
      }
      case '/pause':
      case '/resume':
      case '/abort': {
        const kind = ({ '/pause': 'pause', '/resume': 'resume', '/abort': 'abort' } as const)[path];
        await switchRestart(context, kind, restartName.parse(body).restart);
        return {};
      }
    }
  };
  return (path, body) => turns(async () => answerOf(() => doing(path, body)));
}

function reasonOf(asked: RestartRequest): { readonly reason?: string } {
  const said = asked.reason.trim();
  return said === '' ? {} : { reason: said };
}

async function answerOf(run: () => Promise<object>): Promise<JsonAnswer> {
  try {
    return { status: 200, body: await run() };
  } catch (thrown) {
    if (thrown instanceof z.ZodError) return refusal(400, 'CONFIG_INVALID', 'The board does not know such a request.');
    const { code, message } = PaneletError.from(thrown);
    return refusal(statuses[code] ?? 502, code, message);
  }
}
