/**
 * Expands `$(NAME)` as the kubelet does in command, args and env values: `$$` is a dollar sign, and a name that is not
 * known stays as it was written. Source: k8s.io/kubernetes third_party/forked/golang/expansion.
 */
export function expandReferences(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(
    /\$(?:(\$)|\(([^)]*)\))/g,
    (whole: string, dollar: string | undefined, name: string | undefined) => {
      if (dollar !== undefined) return '$';
      return (name === undefined ? undefined : values[name]) ?? whole;
    },
  );
}
