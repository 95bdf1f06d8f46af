/** A sentence for the people who run `kubectl describe`. */
export interface RestartEvent {
  readonly type: 'Normal' | 'Warning';
  /** Why, in one word. */
  readonly reason: string;
  /** What the controller does, in one word. */
  readonly action: string;
  readonly text: string;
}
