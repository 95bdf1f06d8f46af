import type { Argument, Command, Option } from 'commander';

/** A word that may stand at the cursor. */
export interface Candidate {
  readonly word: string;
  /** One line about it; empty when there is nothing to say. */
  readonly description: string;
}

/** Finds words that only a cluster or this machine knows. */
export interface CompletionSources {
  /**
   * Words for a value, by its name in the definition of the command line: `node`, `panel`, `restart`, …; none for
   * names it does not know. Never throws. `given` are the options before the cursor.
   */
  words(name: string, given: Readonly<Record<string, string>>): Promise<readonly string[]>;
}

/** What may stand at the cursor. */
export interface Completions {
  readonly candidates: readonly Candidate[];
  /** True where the shell should offer files. */
  readonly files: boolean;
}

interface Place {
  /** The command that the words name so far; the program itself at first. */
  readonly command: Command;
  /** Options of the command and of the program. */
  readonly options: readonly Option[];
  readonly given: Readonly<Record<string, string>>;
  /** Positional arguments before the cursor. */
  readonly position: number;
  /** The option whose value stands at the cursor. */
  readonly awaiting: Option | undefined;
  /** True after `--`. */
  readonly afterDashes: boolean;
}

const nothing: Completions = { candidates: [], files: false };

function optionOf(options: readonly Option[], word: string): Option | undefined {
  const name = word.replace(/=.*$/, '');
  return options.find((option) => option.long === name || option.short === name);
}

function placeOf(program: Command, before: readonly string[]): Place {
  let command = program;
  let awaiting: Option | undefined;
  let position = 0;
  const given: Record<string, string> = {};
  const optionsOf = (): readonly Option[] => [
    ...(command === program ? [] : command.options),
    ...program.options,
    program.createOption('-h, --help', 'display help for command'),
  ];
  for (const word of before) {
    if (word === '--')
      return { command, options: optionsOf(), given, position, awaiting: undefined, afterDashes: true };
    if (awaiting !== undefined) {
      given[awaiting.attributeName()] = word;
      awaiting = undefined;
    } else if (word.startsWith('-')) {
      const option = optionOf(optionsOf(), word);
      const at = word.indexOf('=');
      if (option?.required === true && at < 0) awaiting = option;
      else if (option !== undefined && at > 0) given[option.attributeName()] = word.slice(at + 1);
    } else if (command === program) {
      command = program.commands.find((known) => known.name() === word) ?? command;
    } else {
      position++;
    }
  }
  return { command, options: optionsOf(), given, position, awaiting, afterDashes: false };
}

function plain(words: readonly string[], prefix = ''): Candidate[] {
  return words.map((word) => ({ word: `${prefix}${word}`, description: '' }));
}

async function valuesOf(
  definition: Option | Argument,
  name: string,
  place: Place,
  sources: CompletionSources,
): Promise<Completions> {
  const { argChoices } = definition;
  if (argChoices !== undefined) return { candidates: plain(argChoices), files: false };
  if ('flags' in definition && definition.flags.includes('<file>')) return { candidates: [], files: true };
  return { candidates: plain(await sources.words(name, place.given)), files: false };
}

async function candidatesAt(place: Place, word: string, sources: CompletionSources): Promise<Completions> {
  const { command, options, awaiting } = place;
  if (awaiting !== undefined) return valuesOf(awaiting, awaiting.attributeName(), place, sources);
  const at = word.indexOf('=');
  if (word.startsWith('-') && at > 0) {
    const option = optionOf(options, word);
    if (option?.required !== true) return nothing;
    const { candidates, files } = await valuesOf(option, option.attributeName(), place, sources);
    return {
      candidates: plain(
        candidates.map((candidate) => candidate.word),
        word.slice(0, at + 1),
      ),
      files,
    };
  }
  if (word.startsWith('-')) {
    const shown = options.filter((option) => !option.hidden);
    return {
      candidates: shown.map(({ long, short, description }) => ({ word: long ?? short ?? '', description })),
      files: false,
    };
  }
  if (command.commands.length > 0) {
    const candidates = command.commands.map((known) => ({ word: known.name(), description: known.description() }));
    return { candidates, files: false };
  }
  const argument = command.registeredArguments[place.position];
  return argument === undefined ? nothing : valuesOf(argument, argument.name(), place, sources);
}

/**
 * What may stand at the cursor, from the definitions of the command line itself.
 * @param words the words after the program's name up to the cursor; the last, which may be empty, is being typed.
 */
export async function complete(
  program: Command,
  words: readonly string[],
  sources: CompletionSources,
): Promise<Completions> {
  const word = words.at(-1) ?? '';
  const place = placeOf(program, words.slice(0, -1));
  if (place.afterDashes) return nothing;
  const { candidates, files } = await candidatesAt(place, word, sources);
  return { candidates: candidates.filter((candidate) => candidate.word.startsWith(word)), files };
}

/**
 * As lines that kubectl's plugins and the scripts of `completion` read, in the form of the library cobra: a candidate per
 * line, its description after a tab, and last `:0` where files may stand or `:4` where not.
 */
export function completionText({ candidates, files }: Completions): string {
  const lines = candidates.map(({ word, description }) => {
    const sentence = description.replace(/\s+/g, ' ').trim();
    return sentence === '' ? word : `${word}\t${sentence}`;
  });
  return [...lines, files ? ':0' : ':4', ''].join('\n');
}
