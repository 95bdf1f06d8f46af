/** Nodes that are followed at once: of those that a page shows, the first. */
export const mostFollowed = 8;
