import { parseArgs, type ParseArgsConfig } from 'node:util';
import { messageOf, PaneletError } from '../errors/errors.js';

/**
 * The options of a command line, by `parseArgs` of Node.
 * @param program what its `--help` is asked of, in the advice
 * @throws CONFIG_INVALID naming an option that is not known, or a value that is missing
 */
export function parseOptions<Config extends ParseArgsConfig>(
  program: string,
  config: Config,
): ReturnType<typeof parseArgs<Config>>['values'] {
  try {
    return parseArgs(config).values;
  } catch (error) {
    throw new PaneletError('CONFIG_INVALID', `${messageOf(error)}. See ${program} --help.`);
  }
}
