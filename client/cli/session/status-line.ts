/** One line that says how things stand. */
export interface StatusLine {
  /** Shows a text in place of the one before. */
  show(text: string): void;
  clear(): void;
}
