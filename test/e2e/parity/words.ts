/**
 * The words of a command line, as a shell would cut it: spaces separate, single quotes keep everything, double quotes
 * everything but `\"`.
 * @throws Error for a quote that is not closed.
 */
export function wordsOf(line: string): string[] {
  const words: string[] = [];
  const piece = /'([^']*)'|"((?:\\"|[^"])*)"|([^\s'"]+)|(\s+)|(.)/g;
  let word: string | undefined;
  for (const [, single, double, plain, space, odd] of line.matchAll(piece)) {
    if (odd !== undefined) throw new Error(`A quote is not closed: ${line}`);
    if (space === undefined) {
      word = (word ?? '') + (single ?? double?.replaceAll('\\"', '"') ?? plain ?? '');
    } else if (word !== undefined) {
      words.push(word);
      word = undefined;
    }
  }
  if (word !== undefined) words.push(word);
  return words;
}
