/** Where the focus goes in a list by a key; null where the key moves nothing. */
export function movedIndex(
  key: string,
  { at, count, page }: { readonly at: number; readonly count: number; readonly page: number },
): number | null {
  const to = targetOf(key, at, { count, page });
  return to === null || count === 0 ? null : Math.max(0, Math.min(count - 1, to));
}

function targetOf(key: string, at: number, { count, page }: { count: number; page: number }): number | null {
  switch (key) {
    case 'ArrowDown':
      return at + 1;
    case 'ArrowUp':
      return at - 1;
    case 'PageDown':
      return at + Math.max(1, page - 1);
    case 'PageUp':
      return at - Math.max(1, page - 1);
    case 'Home':
      return 0;
    case 'End':
      return count - 1;
    default:
      return null;
  }
}
