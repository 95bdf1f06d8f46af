/** A list of rows of one height, of which a part is on the screen. */
export interface RowsOnScreen {
  readonly count: number;
  /** Height of a row, of the part that is seen, and how far it is scrolled; CSS pixels. */
  readonly rowPx: number;
  readonly heightPx: number;
  readonly scrollPx: number;
}

/** Rows to draw, and the empty space that stands for the others. */
export interface VisibleRows {
  readonly first: number;
  readonly count: number;
  readonly beforePx: number;
  readonly afterPx: number;
  /** Of those that can be seen, without what is drawn around them. */
  readonly firstSeen: number;
  readonly seen: number;
}

const aroundRows = 6;
/** However high a window is. */
const mostRows = 120;

/** Which rows of a long list have to be drawn: those that are seen, and a few around them. */
export function visibleRows({ count, rowPx, heightPx, scrollPx }: RowsOnScreen): VisibleRows {
  const fits = Math.min(mostRows - 2 * aroundRows, Math.ceil(heightPx / rowPx) + 1);
  const firstSeen = Math.max(0, Math.min(Math.floor(scrollPx / rowPx), count - fits));
  const seen = Math.min(fits, count - firstSeen);
  const first = Math.max(0, firstSeen - aroundRows);
  const end = Math.min(count, firstSeen + seen + aroundRows);
  return { first, count: end - first, beforePx: first * rowPx, afterPx: (count - end) * rowPx, firstSeen, seen };
}

/** Where to scroll so that a row is seen whole; what is seen already stays where it is. */
export function scrollToRow(index: number, { rowPx, heightPx, scrollPx }: RowsOnScreen): number {
  const topPx = index * rowPx;
  if (topPx < scrollPx) return topPx;
  return topPx + rowPx > scrollPx + heightPx ? topPx + rowPx - heightPx : scrollPx;
}
