/**
 * Name that the certificate of a node's agent has for that node alone, `<node>.node.panelet.dev`; for the empty node, which may be any,
 * the one that all agents have, `panelet-agent`. Who signs them checks that nobody else gets a node's name.
 */
export function nodeServerName(node: string): string {
  return node === '' ? 'panelet-agent' : `${node}.node.panelet.dev`;
}
