import { linkSignals } from '#common/time/deadline.js';
import { kubectlOf, type CliContext } from '../access/cli-context.js';

/** Lines of a kubectl that watches; they end without a word once the time is over. @throws what kubectl says is wrong */
export async function* watchLines(
  context: CliContext,
  args: readonly string[],
  limitMs: number,
): AsyncGenerator<string, void> {
  const { clock, stop } = context.world;
  const giveUp = new AbortController();
  const timer = clock.after(limitMs, () => giveUp.abort());
  const { signal, unlink } = linkSignals([stop, giveUp.signal]);
  try {
    yield* kubectlOf(context, signal).lines(args);
  } catch (error) {
    if (!giveUp.signal.aborted) throw error;
  } finally {
    timer.stop();
    unlink();
  }
}
