import type { VNode } from 'preact';
import type { OpenQuestion } from '../../app/question.js';
import { Modal } from './modal.js';
import { Lines } from './text.js';

/** The question that is open, if any. */
export function QuestionDialog({ questions }: { readonly questions: OpenQuestion }): VNode | null {
  const question = questions.open.value;
  if (question === null) return null;
  return (
    <Modal key={question.title} title={question.title} close={() => question.answered(false)}>
      <Lines of={question.text} />
      <div class="actions">
        <button type="button" onClick={() => question.answered(false)}>
          {question.no}
        </button>
        <button type="button" class="main" onClick={() => question.answered(true)}>
          {question.yes}
        </button>
      </div>
    </Modal>
  );
}
