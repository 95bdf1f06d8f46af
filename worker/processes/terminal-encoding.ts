// The first that is set counts (locale(7)).
const variables = ['LC_ALL', 'LC_CTYPE', 'LANG'] as const;

/**
 * Whether what is typed on a terminal is UTF-8, so that erasing takes a character and not a byte (IUTF8, termios(3)). It is,
 * as the terminals in front of it are, unless the program's locale names another encoding (`de_DE.ISO-8859-1`).
 */
export function isUtf8Terminal(environment: Readonly<Record<string, string | undefined>>): boolean {
  const locale = variables.map((name) => environment[name] ?? '').find((value) => value !== '') ?? '';
  const encoding = /\.([^@]+)/.exec(locale)?.[1];
  return encoding === undefined || /^utf-?8$/i.test(encoding);
}
