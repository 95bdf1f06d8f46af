/** One command of a shell: its words, without quotes, redirections and what is set before it. */
export type ShellCommand = readonly string[];

/**
 * Simple commands of a piece of shell as our pages have it, in order, those in `$(…)` and `<(…)` before the one that they
 * stand in. Knows quotes, comments, continued lines, here documents, redirections and `<placeholder>`; no loops or conditions.
 */
export function shellCommands(script: string): ShellCommand[] {
  const joined = script
    .replace(/\\\n\s*/g, ' ')
    .replace(/<<-?\s*(\w+)[^]*?\n\1(?=\n|$)/g, '')
    .replace(/<([a-z][a-z-]*)>/g, 'PLACEHOLDER');
  const commands: string[][] = [];
  readCommands(joined, 0, commands);
  return commands.map(withoutAssignments).filter((command) => command.length > 0);
}

const isAssignment = (word: string): boolean => /^\w+=/.test(word);

function withoutAssignments(words: readonly string[]): string[] {
  const isFunction = words[0]?.endsWith('()') === true;
  const rest = isFunction ? words.slice(1) : words;
  const plain = rest.filter((word) => word !== '{' && word !== '}');
  const first = plain.findIndex((word) => !isAssignment(word));
  return first < 0 ? [] : plain.slice(first);
}

/** Reads commands up to the end or a closing parenthesis. @returns where it stopped */
function readCommands(text: string, start: number, commands: string[][]): number {
  let words: string[] = [];
  let word: string | undefined;
  let skipsNext = false;
  let at = start;
  const endWord = (): void => {
    if (word !== undefined && !skipsNext) words.push(word);
    if (word !== undefined) skipsNext = false;
    word = undefined;
  };
  const endCommand = (): void => {
    endWord();
    if (words.length > 0) commands.push(words);
    words = [];
  };
  const add = (more: string): void => void (word = (word ?? '') + more);
  let quote = '';
  for (; at < text.length; at += 1) {
    const sign = text.charAt(at);
    const opens = /^[$<]\((?!\()/.test(text.slice(at, at + 3));
    if (quote !== "'" && opens && (sign === '$' || quote === '')) {
      at = readCommands(text, at + 2, commands);
      add('$()');
    } else if (quote !== '') {
      if (sign === quote) quote = '';
      else add(sign);
    } else if (sign === "'" || sign === '"') {
      quote = sign;
      add('');
    } else if (sign === '#' && word === undefined) {
      while (at + 1 < text.length && text.charAt(at + 1) !== '\n') at += 1;
    } else if (sign === '\\') {
      at += 1;
      add(text.charAt(at));
    } else if (sign === ')' && text.charAt(at - 1) !== '(') break;
    else if (/[\n;|&]/.test(sign)) endCommand();
    else if (sign === '>' || sign === '<') {
      endWord();
      skipsNext = true;
    } else if (/\s/.test(sign)) endWord();
    else add(sign);
  }
  endCommand();
  return at;
}
