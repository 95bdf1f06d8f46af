import type { CliContext } from '../access/cli-context.js';
import type { RestartObject } from './restart-object.js';
import { watchLines } from './watch-lines.js';

/** The status of a restart, as it is and as it changes, until the time is over. @throws what kubectl says is wrong */
export async function* watchStatus(
  context: CliContext,
  { name, namespace }: { readonly name: string; readonly namespace: string },
  limitMs: number,
): AsyncGenerator<NonNullable<RestartObject['status']>, void> {
  const args = ['get', 'panelrestart', name, '-n', namespace, '-w', '-o', 'jsonpath={.status}{"\\n"}'];
  for await (const line of watchLines(context, args, limitMs)) {
    yield JSON.parse(line === '' ? '{}' : line) as NonNullable<RestartObject['status']>;
  }
}
