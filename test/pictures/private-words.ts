/** What a picture must not hold: words of the machine that it was made on. */
export interface MachineWords {
  readonly hostName: string;
  readonly userName: string;
  /** Directories of the repository, of the user, and for temporary files. */
  readonly directories: readonly string[];
}

/** Words of a machine that stand in a picture; names only as whole words. */
export function privateWordsIn(picture: string, { directories, hostName, userName }: MachineWords): string[] {
  const names = [hostName, userName].filter((name) => name !== '');
  const isThere = (name: string): boolean =>
    new RegExp(`(?<![\\w-])${name.replace(/[^\w-]/g, '\\$&')}(?![\\w-])`).test(picture);
  return [...names.filter(isThere), ...directories.filter((path) => path.length > 1 && picture.includes(path))];
}
