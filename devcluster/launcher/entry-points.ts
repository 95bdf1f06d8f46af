import { PaneletError } from '#common/errors/errors.js';

/** Turns a container's command into one that runs on this machine. */
export interface EntryPoints {
  /** @throws OPERATION_REFUSED for a program that may not be run. */
  resolve(command: readonly string[]): string[];
}

/** Which programs containers may run. */
export interface EntryPointOptions {
  /** Commands by the name a container gives, for example `panelet-agent` → `[node, dist/bin/panelet-agent.js]`. */
  readonly programs: Readonly<Record<string, readonly string[]>>;
  /** Run anything else as it is given: pods then run as local processes with the rights of whoever started this. @default false */
  readonly allowAnyProgram?: boolean;
}

/** Entry points of the image, as local programs. */
export function createEntryPoints(options: EntryPointOptions): EntryPoints {
  return {
    resolve: (command) => {
      const [name, ...rest] = command;
      const program = name === undefined ? undefined : options.programs[name];
      if (program !== undefined) return [...program, ...rest];
      if (name !== undefined && options.allowAnyProgram === true) return [...command];
      const known = Object.keys(options.programs).join(', ');
      throw new PaneletError(
        'OPERATION_REFUSED',
        `exec: "${name ?? ''}": the dev cluster has no images; it runs these commands as local processes: ${known}. ` +
          'Start it with --allow-any-program to run others.',
      );
    },
  };
}
