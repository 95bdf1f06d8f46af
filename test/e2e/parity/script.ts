import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { wordsOf } from './words.js';

/** How the outputs of a command are compared beyond what holds for all. */
export interface Comparison {
  /** The order of lines says nothing. */
  readonly sorted: boolean;
  /** Only lines that match are compared. */
  readonly only?: RegExp;
}

/** One command for both clusters. */
export interface ScriptCommand {
  /** The line as it stands in the file: what differences are reported by. */
  readonly line: string;
  readonly words: readonly string[];
  readonly input: string;
  readonly comparison: Comparison;
}

const edit = (text: string, how: string): string => {
  const [, from, to] = /^s\|(.*)\|(.*)\|$/.exec(how) ?? [];
  if (from === undefined || to === undefined) throw new Error(`Not an edit of a manifest: ${how}`);
  const edited = text.replace(from, to.replaceAll('\\n', '\n'));
  if (edited === text) throw new Error(`The manifest has no "${from}"`);
  return edited;
};

const readInput = (words: readonly string[], directory: string): string => {
  const [name, ...edits] = words;
  if (name === undefined) return '';
  const file = name.includes('.') ? name : `${name}.yaml`;
  return edits.reduce(edit, readFileSync(join(directory, 'manifests', file), 'utf8'));
};

const comparisonOf = (marks: readonly string[]): Comparison => {
  const only = marks.find((mark) => mark.startsWith('@only='))?.slice('@only='.length);
  return { sorted: marks.includes('@sorted'), ...(only === undefined ? {} : { only: new RegExp(only) }) };
};

/**
 * The commands of `commands.txt` in `directory`. A line is what follows `kubectl`; before it may stand marks (`@sorted`,
 * `@only=REGEX`), after it `< MANIFEST` (YAML unless it has another
 * ending) and edits `'s|text|text|'` of that manifest.
 */
export function readScript(directory: string): ScriptCommand[] {
  const lines = readFileSync(join(directory, 'commands.txt'), 'utf8').split('\n');
  return lines
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => {
      const all = wordsOf(line);
      const marks = all.filter((word) => word.startsWith('@'));
      const rest = all.slice(marks.length);
      const input = rest.indexOf('<');
      return {
        line,
        words: input === -1 ? rest : rest.slice(0, input),
        input: input === -1 ? '' : readInput(rest.slice(input + 1), directory),
        comparison: comparisonOf(marks),
      };
    });
}
