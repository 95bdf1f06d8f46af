import type { Comparison } from './script.js';

/** What the two clusters call differently. */
export interface ClusterNames {
  readonly server: string;
  /** Nodes by name. */
  readonly nodes: readonly string[];
}

const rules: readonly (readonly [RegExp, string])[] = [
  // Of client-go, when a watch ends soon after it began.
  [/^W\d{4} [\d:.]+ +\d+ reflector\.go:.*\n/gm, ''],
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UID'],
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, 'TIME'],
  [/\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}/g, 'TIME'],
  [/("?resourceVersion"?): ?"\d+"/g, '$1: "VERSION"'],
  [/(Resource Version: +)\d+/g, '$1VERSION'],
  [/(in record \()\d+\)/g, '$1VERSION)'],
  [/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [+-]\d{4}/g, 'TIME'],
  [/("resourceVersion\\": ?\\")\d+/g, '$1VERSION'],
  // Ages in tables and descriptions.
  [/(?<=\s)(\d+[dhms])+(?=\s|$)/gm, 'AGE'],
  // Where kubectl diff puts its files.
  [/\/tmp\/(LIVE|MERGED)-\d+/g, '/tmp/$1'],
  [/(daily)-[bcdfghjklmnpqrstvwxz2456789]{5}\b/g, '$1-SUFFIX'],
  // Tables are as wide as what they hold.
  [/(?<=\S) {2,}/g, '  '],
  [/ +$/gm, ''],
];

/** The text without what differs between any two clusters, or between two runs. */
export function normalise(text: string, names: ClusterNames, { sorted, only }: Comparison): string {
  let plain = text.replaceAll(names.server, 'SERVER').replaceAll(new URL(names.server).host, 'HOST');
  names.nodes.forEach((node, index) => {
    plain = plain.replaceAll(new RegExp(`\\b${node}\\b`, 'g'), `NODE-${index + 1}`);
  });
  for (const [pattern, by] of rules) plain = plain.replaceAll(pattern, by);
  const lines = plain.split('\n').filter((line) => only === undefined || only.test(line));
  return (sorted ? lines.toSorted() : lines).join('\n');
}
