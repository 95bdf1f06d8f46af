import { createHash } from 'node:crypto';
import { PaneletError } from '#common/errors.js';
import { Violation, type ModelConfig } from './config.js';
import { createWorld, type World } from './world.js';

/** What an exploration found. */
export interface Exploration {
  /** Different situations seen. */
  readonly states: number;
  /** Steps tried. */
  readonly steps: number;
  /** Longest shortest way to a situation. */
  readonly depth: number;
  /** The first rule found broken, by the shortest way to it. */
  readonly failure: { readonly rule: string; readonly trace: readonly string[] } | undefined;
}

/**
 * Tries every order of everything that may happen, breadth first. The engine cannot be copied, so a situation is reached
 * by repeating the way to it.
 */
export function explore(config: ModelConfig, maxStates = Infinity): Exploration {
  const seen = new Set<string>([digestOf(createWorld(config))]);
  let frontier: number[][] = [[]];
  let steps = 0;
  let depth = 0;
  while (frontier.length > 0) {
    const next: number[][] = [];
    for (const way of frontier) {
      const { length } = walk(config, way).actions();
      for (let choice = 0; choice < length; choice += 1) {
        const longer = [...way, choice];
        steps += 1;
        const outcome = tryWay(config, longer);
        if (typeof outcome === 'string') {
          return { states: seen.size, steps, depth, failure: { rule: outcome, trace: traceOf(config, longer) } };
        }
        const digest = digestOf(outcome);
        if (seen.has(digest)) continue;
        seen.add(digest);
        next.push(longer);
        if (seen.size > maxStates) throw new Error(`More than ${maxStates} situations.`);
      }
    }
    frontier = next;
    depth += 1;
  }
  return { states: seen.size, steps, depth, failure: undefined };
}

function tryWay(config: ModelConfig, way: readonly number[]): World | string {
  try {
    const world = walk(config, way);
    world.check();
    if (world.actions().every((action) => action.isAdverse)) world.checkEnd();
    return world;
  } catch (error) {
    if (error instanceof Violation) return error.message;
    // The engine refused a message of its own kind.
    if (error instanceof PaneletError) return `${error.code} ${error.message}`;
    throw error;
  }
}

function walk(config: ModelConfig, way: readonly number[]): World {
  const world = createWorld(config);
  for (const choice of way) {
    const action = world.actions()[choice];
    if (action !== undefined) world.run(action);
  }
  return world;
}

function traceOf(config: ModelConfig, way: readonly number[]): string[] {
  const world = createWorld(config);
  return way.map((choice) => {
    const action = world.actions()[choice];
    if (action === undefined) return '';
    try {
      world.run(action);
    } catch {
      // The last step is the one that breaks the rule.
    }
    return action.name;
  });
}

function digestOf(world: World): string {
  return createHash('sha1').update(world.fingerprint()).digest('base64');
}
