import type { BoardNode } from '../wire/live.js';

/** Where what agents say of their nodes comes from. */
export interface NodeSource {
  /** Follows a node until the returned function is called; after that nothing is told. */
  follow(node: string, tell: (node: BoardNode) => void): () => void;
}
