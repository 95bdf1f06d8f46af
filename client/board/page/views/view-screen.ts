/** Size of a screen in characters. */
export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

/** Where the output of a view comes to. */
export interface ViewScreen {
  readonly size: ScreenSize;
  /** Takes output, and calls `shown` once it is on the screen. What was seen elsewhere before asks for no answers. */
  write(bytes: Uint8Array, shown: () => void, wasSeen?: boolean): void;
  /** Begins anew: what comes next is the output from its start. */
  reset(): void;
  dispose(): void;
}

/** What a screen tells its view. */
export interface ScreenEvents {
  /** What somebody typed. */
  typed(text: string): void;
  resized(size: ScreenSize): void;
  /** What the program calls its window. */
  titled(title: string): void;
  /** Somebody follows a link, of which only http and https come here. */
  followed(link: string): void;
}
