import type {
  BoardRefusal,
  KeyAnswer,
  KeyRequest,
  PlanAnswer,
  RestartName,
  RestartRequest,
} from '../../wire/requests.js';

/** The board's server did not do what it was asked to, or could not be reached. */
export class BoardRefused extends Error {
  override readonly name = 'BoardRefused';
  readonly code: string;

  constructor({ code, text }: BoardRefusal) {
    super(text);
    this.code = code;
  }
}

/** What the page asks of its server. Each may throw BoardRefused. */
export interface BoardRequests {
  plan(request: RestartRequest): Promise<PlanAnswer>;
  restart(request: RestartRequest): Promise<void>;
  /** What becomes of a restart. */
  change(what: 'pause' | 'resume' | 'abort', restart: RestartName): Promise<void>;
}

/** Trades a one-time token for a key. @throws BoardRefused */
export async function tradeToken(token: string): Promise<string> {
  const { key } = (await post('/key', { token } satisfies KeyRequest, {})) as KeyAnswer;
  return key;
}

/** Requests with a key. */
export function createBoardRequests(key: string): BoardRequests {
  const send = (path: string, body: object): Promise<unknown> => post(path, body, { 'Panelet-Key': key });
  return {
    plan: async (request) => (await send('/plan', request)) as PlanAnswer,
    restart: async (request) => {
      await send('/restart', request);
    },
    change: async (what, restart) => {
      await send(`/${what}`, restart);
    },
  };
}

const away: BoardRefusal = { code: 'UNREACHABLE', text: "The board's server cannot be reached. Is it still running?" };

async function post(path: string, body: object, headers: Readonly<Record<string, string>>): Promise<unknown> {
  const init = {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  };
  let response: Response;
  let answer: unknown;
  try {
    response = await fetch(path, init);
    answer = await response.json().catch(() => null);
  } catch {
    throw new BoardRefused(away);
  }
  if (response.ok) return answer;
  throw new BoardRefused(
    isRefusal(answer) ? answer : { code: 'UNKNOWN', text: `The server answered ${response.status}.` },
  );
}

function isRefusal(answer: unknown): answer is BoardRefusal {
  return typeof answer === 'object' && answer !== null && 'text' in answer && typeof answer.text === 'string';
}
