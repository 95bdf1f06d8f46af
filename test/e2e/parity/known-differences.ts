/** A difference between the dev cluster (a) and a real one (b) that is intended. */
export interface KnownDifference {
  readonly id: string;
  /** Why it stays. */
  readonly reason: string;
  /** Commands it concerns; all when left out. */
  readonly command?: RegExp;
  /** Taken out of both answers before they are compared; the whole answers when left out. */
  readonly text?: RegExp;
}

/** Every difference that stays, with its reason. */
export const knownDifferences: readonly KnownDifference[] = [
  {
    id: 'version',
    reason: 'The dev cluster says that it is one.',
    text: /\+panelet$/gm,
  },
  {
    id: 'limit-ranges',
    reason: 'Limit ranges are for clusters that several teams share.',
    command: /^describe ns/,
    text: /\s*No LimitRange resource\./g,
  },
  {
    id: 'quoted-patch',
    reason: 'A refusal quotes the patch: here as it was sent, there as merging it has left it, and with managedFields.',
    text: /(?<=^The request is invalid: patch: )Invalid value: "(?:[^"\\]|\\.)*": /gm,
  },
  {
    id: 'managed-fields',
    reason: 'No server-side apply, so nothing to note down who owns which field.',
    command: /managedFields/,
  },
  {
    id: 'apply-patch',
    reason: 'No server-side apply among the types of patches that are accepted.',
    text: /, application\/apply-patch\+yaml/g,
  },
  {
    id: 'pod-diff',
    reason: 'The internal form of the pod, line by line, helps nobody.',
    command: /^(apply|patch) .*(pod|patient)/,
    text: /\n@@[^]*$/g,
  },
  {
    id: 'grace-warning',
    reason: 'Advice about values that are allowed; only unknown fields are warned of.',
    command: /terminationGracePeriodSeconds/,
    text: /\n*--- standard error\nWarning: spec\.template\.spec\.terminationGracePeriodSeconds: .*/g,
  },
  {
    id: 'exec',
    reason: 'Pods are local processes: who may run them may run others. Terminals are what panels are for.',
    command: /^exec /,
  },
];

/** Both answers without what is known to differ, and which of the known differences took something away. */
export function withoutKnown(command: string, a: string, b: string): { a: string; b: string; used: string[] } {
  const used: string[] = [];
  let [left, right] = [a, b];
  for (const known of knownDifferences) {
    if (left === right || known.command?.test(command) === false) continue;
    const [newLeft, newRight] = [left, right].map((text) => (known.text ? text.replaceAll(known.text, '') : ''));
    if (newLeft !== left || newRight !== right) used.push(known.id);
    [left, right] = [newLeft ?? '', newRight ?? ''];
  }
  return { a: left, b: right, used };
}
