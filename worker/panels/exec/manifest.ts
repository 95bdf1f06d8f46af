import { readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { messageOf, PaneletError } from '#common/errors/errors.js';
import { parameterSchema, type ParameterSchema } from './manifest-parameters.js';

/** The protocol that a program of a panel speaks. */
export const panelProtocol = 'panelet.panel.v1';

/** What panel.yaml says of a panel. */
export interface PanelManifest {
  readonly name: string;
  /** Version of the panel, for people and for checkpoints. */
  readonly version: string;
  /** Program and arguments; a name without a slash is looked for in PATH, another one is relative to the directory of panel.yaml. */
  readonly command: readonly string[];
  readonly parameters: Readonly<Record<string, ParameterSchema>>;
  readonly checkpointable: boolean;
  readonly movable: boolean;
  readonly afterCrash: 'fresh' | 'end';
  /** Where panel.yaml is, and the program starts. */
  readonly directory: string;
}

const name = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'must be a name as Kubernetes has them');

const schema = z
  .strictObject({
    name,
    version: z.string({ error: 'must be text; put it in quotes' }).min(1).max(64),
    protocol: z.literal(panelProtocol, { error: `must be ${panelProtocol}` }),
    command: z.array(z.string().min(1)).min(1),
    parameters: z.record(z.string().regex(/^[\w.-]{1,64}$/), parameterSchema).default({}),
    checkpointable: z.boolean().default(false),
    movable: z.boolean().default(false),
    afterCrash: z.enum(['fresh', 'end']).optional(),
  })
  .refine(({ checkpointable, movable }) => checkpointable || !movable, {
    path: ['movable'],
    error: 'needs checkpointable: true, since what moves is the checkpoint',
  });

/**
 * Reads a panel's manifest.
 * @param path directory with a panel.yaml, or the file itself
 * @throws CONFIG_INVALID naming the file, and each key that is wrong
 */
export async function readPanelManifest(path: string): Promise<PanelManifest> {
  const isDirectory = (await stat(path).catch(() => undefined))?.isDirectory() === true;
  const file = resolve(isDirectory ? join(path, 'panel.yaml') : path);
  const invalid = (reason: string, cause?: unknown): PaneletError =>
    new PaneletError('CONFIG_INVALID', `${file} is no panel: ${reason}.`, { cause });
  let content: unknown;
  try {
    content = parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw invalid(messageOf(error), error);
  }
  const parsed = schema.safeParse(content);
  if (!parsed.success) {
    const where = (at: readonly PropertyKey[]): string => (at.length === 0 ? '(top level)' : at.join('.'));
    throw invalid(parsed.error.issues.map(({ path: at, message }) => `${where(at)}: ${message}`).join('; '));
  }
  const { afterCrash, checkpointable, movable, version, command, parameters } = parsed.data;
  return {
    ...{ name: parsed.data.name, version, command, parameters, checkpointable, movable },
    afterCrash: afterCrash ?? (checkpointable ? 'fresh' : 'end'),
    directory: dirname(file),
  };
}
