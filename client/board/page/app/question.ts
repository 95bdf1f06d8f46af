import { signal } from '@preact/signals';

/** A question to which somebody says yes or no. */
export interface YesNoQuestion {
  readonly title: string;
  readonly text: string;
  /** What the two buttons say. */
  readonly yes: string;
  readonly no: string;
  answered(isYes: boolean): void;
}

/** At most one question at a time; one that comes while another is open is answered with no. */
export class OpenQuestion {
  readonly open = signal<YesNoQuestion | null>(null);

  ask(question: Omit<YesNoQuestion, 'answered'>): Promise<boolean> {
    if (this.open.value !== null) return Promise.resolve(false);
    return new Promise((resolve) => {
      const answered = (isYes: boolean): void => {
        this.open.value = null;
        resolve(isYes);
      };
      this.open.value = { ...question, answered };
    });
  }
}
