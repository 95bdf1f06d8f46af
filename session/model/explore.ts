import { createHash } from 'node:crypto';
import { PaneletError } from '#common/errors/errors.js';
import { Violation, type ModelConfig } from './config.js';
import { ModelWorld } from './world.js';

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

/** How to explore. */
export interface ExploreOptions {
  /** Goes on where the engine itself refuses what a mistake made, to see what else breaks. @default false */
  readonly ignoresRefusals?: boolean;
  /** Goes on from every n-th new situation only, once 200 are known. @default 1 */
  readonly every?: number;
}

/**
 * Tries every order of everything that may happen, breadth first. The engine cannot be copied, so a situation is reached
 * by repeating the way to it.
 */
export function explore(config: ModelConfig, options: ExploreOptions = {}): Exploration {
  const seen = new Set<string>([digestOf(new ModelWorld(config))]);
  let frontier: number[][] = [[]];
  let steps = 0;
  let depth = 0;
  const { every = 1 } = options;
  while (frontier.length > 0) {
    const next: number[][] = [];
    for (const way of frontier) {
      const here = walk(config, way);
      const { length } = here.actions();
      for (let choice = 0; choice < length; choice += 1) {
        const longer = [...way, choice];
        steps += 1;
        const outcome = tryChoice(choice === 0 ? here : walk(config, way), choice);
        if (outcome instanceof PaneletError && options.ignoresRefusals === true) continue;
        if (outcome instanceof Error) {
          return {
            states: seen.size,
            steps,
            depth,
            failure: { rule: ruleOf(outcome), trace: traceOf(config, longer) },
          };
        }
        const digest = digestOf(outcome);
        if (seen.has(digest)) continue;
        seen.add(digest);
        if (seen.size <= 200 || seen.size % every === 0) next.push(longer);
      }
    }
    frontier = next;
    depth += 1;
  }
  return { states: seen.size, steps, depth, failure: undefined };
}

function tryChoice(world: ModelWorld, choice: number): ModelWorld | Error {
  try {
    const action = world.actions()[choice];
    if (action !== undefined) world.run(action);
    world.check();
    if (world.actions().every(({ isAdverse }) => isAdverse)) world.checkEnd();
    return world;
  } catch (error) {
    if (error instanceof Violation || error instanceof PaneletError) return error;
    throw error;
  }
}

// The engine refusing a message of its own kind is a failure as well.
function ruleOf(error: Error): string {
  return error instanceof PaneletError ? `${error.code} ${error.message}` : error.message;
}

/** A failure as people read it: the rule, and the way to it. */
export function describeFailure({ failure }: Exploration): string {
  if (failure === undefined) return 'every rule holds';
  return [failure.rule, ...failure.trace.map((step, index) => `  ${index + 1}. ${step}`)].join('\n');
}

function walk(config: ModelConfig, way: readonly number[]): ModelWorld {
  const world = new ModelWorld(config);
  for (const choice of way) {
    const action = world.actions()[choice];
    if (action !== undefined) world.run(action);
  }
  return world;
}

function traceOf(config: ModelConfig, way: readonly number[]): string[] {
  const world = new ModelWorld(config);
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

function digestOf(world: ModelWorld): string {
  return createHash('sha1').update(world.fingerprint()).digest('base64');
}
