/** Parameters as people write them: a line each, `name=value`. Lines without a name are left out. */
export function parametersOf(text: string): Readonly<Record<string, string>> {
  const pairs = text.split('\n').flatMap((line): readonly (readonly [string, string])[] => {
    const at = line.indexOf('=');
    const name = line.slice(0, at).trim();
    return at < 0 || name === '' ? [] : [[name, line.slice(at + 1).trim()]];
  });
  return Object.fromEntries(pairs);
}
