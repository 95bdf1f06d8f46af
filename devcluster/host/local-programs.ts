import { join } from 'node:path';

/** Programs of the image, as local ones. */
export const programNames = ['panelet-agent', 'panelet-worker', 'panelet-controller'] as const;

/** Commands that run the bundled programs in `binDirectory` with this very node. */
export function localPrograms(execPath: string, binDirectory: string): Record<string, readonly string[]> {
  return Object.fromEntries(programNames.map((name) => [name, [execPath, join(binDirectory, `${name}.js`)]]));
}

// What a shell and its programs need to find their way; the rest of the caller's environment is none of a pod's business.
const passedOn = ['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'LC_ALL', 'LC_CTYPE', 'TZ', 'TMPDIR', 'TERMINFO'];

/** Variables that every pod gets, taken from the environment of whoever started the dev cluster. */
export function podEnvironment(environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const pairs = passedOn.map((name) => [name, environment[name]] as const);
  return Object.fromEntries(
    pairs.filter((pair): pair is readonly [(typeof pairs)[number][0], string] => pair[1] !== undefined),
  );
}
