import type { PaneletError } from '#common/errors.js';
import { createPaneletClient, type PaneletClient } from '../panelet-client.js';
import type { CliWorld } from './cli-world.js';
import { writeDocument, type OutputDocument, type OutputFormat } from './output.js';
import { agentSettings, type AgentSettings, type GlobalFlags } from './settings.js';

/** What a command works with. */
export interface CliContext {
  readonly world: CliWorld;
  readonly flags: GlobalFlags;
  /** What follows `--` on the command line; undefined without `--`. */
  readonly program: readonly string[] | undefined;
}

/** How results are written, by the flags. */
export function formatOf(context: CliContext): OutputFormat {
  return context.flags.output ?? 'table';
}

/** Writes the result of a command. */
export function report(context: CliContext, document: OutputDocument): void {
  writeDocument(context.world.stdout, formatOf(context), document);
}

/** A client for a person at a terminal: soon tired of an address where nobody answers. */
export function openClient(context: CliContext, settings: AgentSettings): PaneletClient {
  const { clock, random } = context.world;
  return createPaneletClient({
    address: settings.address,
    tls: settings.tls,
    ...(settings.token === undefined ? {} : { token: settings.token }),
    times: { connectTimeoutMs: 1500 },
    // A person waits, and is one of few: no need for seconds between attempts.
    reattach: { maxMs: 1000 },
    clock,
    random,
  });
}

/** Uses a client for one call. */
export async function withClient<Result>(
  context: CliContext,
  use: (client: PaneletClient) => Promise<Result>,
): Promise<Result> {
  const client = openClient(context, agentSettings(context.flags, context.world));
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

/** Says once, on standard error, why a session cannot be opened yet. */
export function sayWaiting(context: CliContext): (reason: PaneletError) => void {
  let said = '';
  return ({ code, message }) => {
    if (code === said || code === 'AGENT_UNREACHABLE') return;
    said = code;
    context.world.stderr.write(`panelet: waiting: ${message}\n`);
  };
}
