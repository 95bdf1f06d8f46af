import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PaneletError } from '#common/errors/errors.js';

const othersMayPass = 0o001;

/** The error where programs of an owner cannot enter his HOME: PANEL_FAILED, which names the topmost directory that is closed to them. */
export async function unreachableHome(home: string): Promise<PaneletError> {
  const closed = await topmostClosed(dirname(home));
  const where = closed === undefined ? 'a directory above it is closed to others' : `${closed} is closed to others`;
  return new PaneletError(
    'PANEL_FAILED',
    `Programs of this owner cannot enter ${home}: ${where}. Give others the right to pass (chmod o+x); or give the panel other places for them, with its parameters "homes" and "temporaries"; or, where all who may open a session trust each other, set allowSameUser: 'true'.`,
  );
}

async function topmostClosed(directory: string): Promise<string | undefined> {
  const above = dirname(directory);
  const found = above === directory ? undefined : await topmostClosed(above);
  if (found !== undefined) return found;
  const mode = await stat(directory).then(
    (facts) => facts.mode,
    () => othersMayPass,
  );
  return (mode & othersMayPass) === 0 ? directory : undefined;
}
